// What a drop or a file dialog holds, folders walked through: [{file, path}], path relative to what was dropped.
const children = reader => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
const fileOf = entry => new Promise((resolve, reject) => entry.file(resolve, reject));

async function* walk(entry, prefix) {
  if (entry.isFile) {
    yield { file: await fileOf(entry), path: prefix + entry.name };
    return;
  }
  const reader = entry.createReader();
  // Browsers hand out a folder in pieces of 100: read until there is none.
  for (let batch = await children(reader); batch.length; batch = await children(reader)) {
    for (const child of batch) yield* walk(child, `${prefix}${entry.name}/`);
  }
}

export async function* fromDrop(transfer) {
  // The list is gone after the first await; take the entries now.
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  for (const entry of entries) yield* walk(entry, '');
}

export function* fromInput(input) {
  for (const file of input.files) yield { file, path: file.webkitRelativePath || file.name };
}
