// Small things that drawings share.
const SVG = 'http://www.w3.org/2000/svg';

export function element(name, attributes = {}, parent = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

export const rgb = ([red, green, blue]) => `rgb(${red},${green},${blue})`;

// The path through x, y, x, y ...
export function draw(points, closed) {
  let path = `M${points[0]} ${points[1]}`;
  for (let at = 2; at < points.length; at += 2) path += `L${points[at]} ${points[at + 1]}`;
  return closed ? `${path}Z` : path;
}

// JSON of the server; a refusal throws what it says.
export async function ask(url) {
  const response = await fetch(url, { headers: { Accept: 'application/json' } });
  const said = await response.json();
  if (!response.ok) throw new Error(said.detail || said.title);
  return said;
}
