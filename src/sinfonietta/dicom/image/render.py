"""One frame of a DICOM image as a picture for a screen: PNG or JPEG.

The way of a grey value is that of DICOM PS3.4 N.2: modality LUT or rescale, VOI LUT or window, polarity. All of it is
folded into one look-up table for images of up to 16 bits. What cannot be drawn raises Undrawable with a sentence.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.dataset.parse import Header
from sinfonietta.dicom.dataset.pixels import Pixels, number
from sinfonietta.dicom.dataset.source import Source
from sinfonietta.dicom.image.annotate import annotated
from sinfonietta.dicom.image.decode import MAX_SAMPLES, Undrawable, decode
from sinfonietta.dicom.image.grey import Grey, grey_of, lut_values
from sinfonietta.dicom.image.options import RenderOptions, presets

MOST_FRAMES = 1000


def render(source: Source, header: Header, frame: int = 0, options: RenderOptions | None = None) -> bytes:
    """Frame ``frame`` (from 0) as an encoded picture. Raises Undrawable."""
    options = options or RenderOptions()
    return _encode(_finished(source, header, frame, options), options)


def _finished(source: Source, header: Header, frame: int, options: RenderOptions) -> NDArray[np.uint8]:
    """The picture as it is sent: cut out, scaled, and last of all annotated (DICOM PS3.18 8.3.5.1)."""
    drawn = picture(source, header, frame, options)
    if options.region:
        drawn = _cut(drawn, *options.region)
    if options.share:
        (height, width), (left, top, right, bottom) = drawn.shape[:2], options.share
        drawn = _cut(drawn, left * width, top * height, (right - left) * width, (bottom - top) * height)
    drawn = _scale(drawn, header.json, options.max_size, enlarge=options.enlarge)
    return annotated(drawn, header.json, options.annotations) if options.annotations else drawn


def animate(source: Source, header: Header, options: RenderOptions) -> bytes:
    """All frames as an animated GIF, at the pace that the file names. Raises Undrawable, also for too many."""
    from PIL import Image  # noqa: PLC0415

    count = header.pixels.number_of_frames if header.pixels else 0
    first = _finished(source, header, 0, options)
    if count > MOST_FRAMES or count * first.size > MAX_SAMPLES:
        raise Undrawable("The image has too many frames for one picture that moves; ask for them one by one.")
    rest = [Image.fromarray(_finished(source, header, index, options)) for index in range(1, count)]
    out = io.BytesIO()
    Image.fromarray(first).save(
        out, "GIF", save_all=True, append_images=rest, duration=_frame_ms(header.json), loop=0, optimize=False
    )
    return out.getvalue()


def _frame_ms(dataset: dict[str, Any]) -> float:
    """How long a frame is shown, in milliseconds (DICOM PS3.3 C.7.6.5): Frame Time, or by a rate; else 100."""
    if (time := number(dataset, "00181063")) and time > 0:
        return min(max(time, 20.0), 10_000.0)
    for tag in ("00082144", "00180040"):
        if (rate := number(dataset, tag)) and rate > 0:
            return min(max(1000 / rate, 20.0), 10_000.0)
    return 100.0


def _cut(drawn: NDArray[np.uint8], x: float, y: float, width: float, height: float) -> NDArray[np.uint8]:
    """A region of the picture, as far as there is one; turned over where width or height is negative."""
    left, top = max(round(x), 0), max(round(y), 0)
    found = drawn[top : round(y + abs(height)), left : round(x + abs(width))]
    if not found.size:
        raise Undrawable("The region lies outside of the image.")
    return np.ascontiguousarray(found[:: -1 if height < 0 else 1, :: -1 if width < 0 else 1])


def picture(source: Source, header: Header, frame: int, options: RenderOptions) -> NDArray[np.uint8]:
    """Frame ``frame`` as (rows, columns) grey or (rows, columns, 3) RGB values for a screen. Raises Undrawable."""
    pixels = header.pixels
    if pixels is None:
        raise Undrawable("The file holds no image.")
    array, photometric = decode(source, header, frame)
    if photometric == "PALETTE COLOR":
        return _palette(array, source, header)
    if array.ndim == 3:
        return _eight_bits(array, pixels)
    if photometric not in {"MONOCHROME1", "MONOCHROME2", ""}:
        raise Undrawable(f"Images of the kind {photometric} with one value per pixel cannot be drawn.")
    grey = grey_of(source, header, frame)
    window = options.window or (presets(header).get(options.preset) if options.preset else None)
    return _grey(array, grey.with_window(window, options.function), inverted=photometric == "MONOCHROME1")


def _grey(array: NDArray[Any], grey: Grey, *, inverted: bool) -> NDArray[np.uint8]:
    drawn: NDArray[np.uint8]
    if array.dtype.itemsize <= 2 and array.dtype.kind in "iu":
        is_plain = grey.window is not None and grey.modality_lut is None and grey.voi_lut is None
        # The slices of a series have one table, which takes longer to make than to use.
        table = _plain_table(grey, array.dtype) if is_plain else _table(grey, array.dtype, array)
        drawn = (255 - table if inverted else table).take(array.view(f"u{array.dtype.itemsize}"))
    else:
        drawn = grey.apply(array, array)
        drawn = 255 - drawn if inverted else drawn
    if grey.padding is not None:
        drawn[(array >= grey.padding[0]) & (array <= grey.padding[1])] = 0
    return drawn


def _table(grey: Grey, kind: np.dtype[Any], frame: NDArray[Any]) -> NDArray[np.uint8]:
    """The grey of every value of a kind, in the order of its bits."""
    every = np.arange(1 << (8 * kind.itemsize), dtype=np.uint32).astype(f"u{kind.itemsize}")
    return grey.apply(every.view(kind), frame)


@lru_cache(maxsize=8)
def _plain_table(grey: Grey, kind: np.dtype[Any]) -> NDArray[np.uint8]:
    """As ``_table``, where it is by rescale and window alone."""
    return _table(grey, kind, np.zeros(0, kind))


def _eight_bits(array: NDArray[Any], pixels: Pixels) -> NDArray[np.uint8]:
    """Colour of more than eight bits, brought down to eight."""
    if array.dtype == np.uint8:
        return array
    top = float((1 << max(pixels.bits_stored, 1)) - 1)
    drawn: NDArray[np.uint8] = np.clip(array.astype(np.float32) * (255 / top), 0, 255).astype(np.uint8)
    return drawn


def _palette(array: NDArray[Any], source: Source, header: Header) -> NDArray[np.uint8]:
    """Palette colour (DICOM PS3.3 C.7.6.3.1.5, C.7.9)."""
    channels = []
    for channel in (1, 2, 3):
        descriptor = header.json.get(f"0028110{channel}", {}).get("Value", [])
        values = lut_values(source, header, header.json, f"0028120{channel}", descriptor)
        if values is None:
            raise Undrawable("The palette of the image is missing, segmented or damaged.")
        start = descriptor[1]
        scaled = values if descriptor[2] <= 8 and values.max(initial=0) < 256 else values >> 8
        channels.append(scaled.astype(np.uint8)[np.clip(array.astype(np.int64) - start, 0, len(values) - 1)])
    return np.stack(channels, axis=-1)


def _scale(
    drawn: NDArray[np.uint8], dataset: dict[str, Any], box: tuple[int, int] | None, *, enlarge: bool = False
) -> NDArray[np.uint8]:
    """The picture, no larger than ``box`` (as large, with ``enlarge``), of square pixels where the file's are not."""
    height, width = drawn.shape[:2]
    size = _size(width, height, _aspect(dataset), box, most=math.inf if enlarge else 1.0)
    if size == (width, height):
        return drawn
    from PIL import Image  # noqa: PLC0415

    return np.asarray(Image.fromarray(drawn).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def _size(width: int, height: int, tall: float, box: tuple[int, int] | None, *, most: float) -> tuple[int, int]:
    """Width and height on the screen, of pixels that are ``tall`` times as high as wide; stretched by four at most."""
    tall = min(max(tall, 0.25), 4.0)
    if tall > 1.01:
        height = round(height * tall)
    elif tall < 0.99:
        width = round(width / tall)
    factor = min(most, box[0] / width, box[1] / height) if box else 1.0
    return max(1, round(width * factor)), max(1, round(height * factor))


def _aspect(dataset: dict[str, Any]) -> float:
    """Height of a pixel over its width, by Pixel Spacing, Imager Pixel Spacing or Pixel Aspect Ratio."""
    for tag in ("00280030", "00181164", "00280034"):
        values = dataset.get(tag, {}).get("Value", [])
        if len(values) == 2 and all(isinstance(value, int | float) and value > 0 for value in values):
            return float(values[0] / values[1])
    return 1.0


def _encode(drawn: NDArray[np.uint8], options: RenderOptions) -> bytes:
    if options.format == "png":
        import imagecodecs  # noqa: PLC0415

        # A quarter of Pillow's time; anatomy compresses as well by runs of differences as by zlib's search.
        strategy, sub = imagecodecs.PNG.STRATEGY.RLE, imagecodecs.PNG.FILTER.SUB
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(drawn), level=1, strategy=strategy, filter=sub))
    from PIL import Image  # noqa: PLC0415

    out = io.BytesIO()
    if options.format == "gif":
        Image.fromarray(drawn).save(out, "GIF")
    else:
        Image.fromarray(drawn).save(out, "JPEG", quality=options.quality)
    return out.getvalue()
