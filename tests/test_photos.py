"""Photos: untrusted bytes come in; three clean files, or a plain refusal and nothing, come out."""

import concurrent.futures
import errno
import hashlib
import io
import os
import shutil
import stat
import struct
import warnings
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFilter, ImageStat

import contest
import demo

NAME = "0123456789abcdef" * 2
REAL = Path(__file__).parents[2] / "shared" / "photos"
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF"]
MIRROR, TURN = Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180
# How a camera lays an upright picture down before it writes the number. Source: CIPA DC-008 (EXIF), "Orientation".
LAID = {1: None, 2: MIRROR, 3: TURN, 4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}


def quarters(width=320, height=240) -> Image.Image:
    """Red, green over blue, white: any turn or mirroring shows."""
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    for colour, x, y in (("#d02020", 0, 0), ("#20a020", width // 2, 0), ("#2020d0", 0, height // 2)):
        draw.rectangle((x, y, x + width // 2 - 1, y + height // 2 - 1), fill=colour)
    return picture


def tattoo(width=640, height=480) -> Image.Image:
    """Dark lines on skin."""
    picture = Image.new("RGB", (width, height), "#c79a7d")
    draw = ImageDraw.Draw(picture)
    for radius in range(40, 220, 30):
        draw.ellipse((width // 2 - radius, height // 2 - radius, width // 2 + radius, height // 2 + radius),
                     outline="#15101a", width=7)
    return picture


def encoded(picture, kind="JPEG", **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **{"quality": 95, **options} if kind != "PNG" else options)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "photos"


@pytest.fixture
def send(tmp_path, folder):
    """Put bytes in a spool file and take them in; `.open(size)` shows what was stored."""
    def take(raw: bytes | Path, name: str = NAME, **options) -> dict:
        upload = tmp_path / "upload"
        upload.write_bytes(raw if isinstance(raw, bytes) else raw.read_bytes())
        return contest.take_in(upload, folder, name, **options)

    def opened(stored: dict, size: str = "large") -> Image.Image:
        with Image.open(contest.photo_path(folder, stored[size])) as picture:
            picture.load()
        return picture

    take.open = opened
    return take


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def refused(send, folder, raw) -> contest.Refused:
    """The refusal these bytes meet; that nothing is left of them is part of it."""
    before = files(folder)
    with pytest.raises(contest.Refused) as caught:
        send(raw)
    assert files(folder) == before
    return caught.value


def real(name: str) -> Path:
    if not (REAL / name).exists():
        pytest.skip(f"the real photo {name} is not on this machine")
    return REAL / name


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, in levels."""
    return sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB").resize(one.size))).mean) / 3


def coverage(stencil: Image.Image) -> float:
    return ImageStat.Stat(stencil.getchannel("A")).mean[0] / 255


# What comes out.

@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_taken_whatever_its_file_is_called(send, kind):
    stored = send(encoded(tattoo(), kind))
    assert (stored["width"], stored["height"]) == (640, 480)
    assert [send.open(stored, size).format for size in ("large", "thumb", "stencil")] == ["JPEG", "WEBP", "WEBP"]
    assert difference(send.open(stored), tattoo()) < 3


def test_the_three_sizes_and_what_they_are_called(send, folder):
    stored = send(encoded(tattoo(3000, 2000)))
    assert {size: stored[size] for size in ("large", "thumb", "stencil")} == {
        "large": f"{NAME}-large.jpg", "thumb": f"{NAME}-thumb.webp", "stencil": f"{NAME}-stencil.webp"}
    assert (stored["width"], stored["height"]) == (2048, 1365)
    assert [send.open(stored, size).size for size in ("large", "thumb", "stencil")] == [(2048, 1365), (480, 320),
                                                                                        (1024, 682)]
    assert {path.relative_to(folder).parts[0] for path in files(folder)} == {NAME[:2]}


def test_a_small_photo_is_not_enlarged(send):
    stored = send(encoded(quarters(64, 48)))
    assert [send.open(stored, size).size for size in ("large", "thumb", "stencil")] == [(64, 48)] * 3


@pytest.mark.parametrize("size", [(16, 16), (16, 4000), (4000, 16), (481, 479), (2048, 2048), (2049, 17)])
def test_odd_shapes_are_taken(send, size):
    stored = send(encoded(quarters(*size), "PNG"))
    assert max(stored["width"], stored["height"]) == min(2048, max(size))


def test_the_sums_are_those_of_the_files(send, folder):
    stored = send(encoded(tattoo()))
    assert stored["sha256"] == {size: hashlib.sha256(contest.photo_path(folder, stored[size]).read_bytes()).hexdigest()
                                for size in ("large", "thumb", "stencil")}


def test_files_and_folders_are_private_under_any_umask(send, folder):
    before = os.umask(0)
    try:
        send(encoded(tattoo()))
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(folder)} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, folder / NAME[:2])} == {0o700}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", LAID)
def test_every_orientation_comes_out_upright(send, kind, orientation):
    laid = quarters() if LAID[orientation] is None else quarters().transpose(LAID[orientation])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = send(encoded(laid, kind, exif=exif.tobytes()))
    assert (stored["width"], stored["height"]) == (320, 240)
    assert difference(send.open(stored), quarters()) < 4
    assert difference(send.open(stored, "thumb"), quarters()) < 4


@pytest.mark.parametrize("name", ["Landscape_3.jpg", "Landscape_6.jpg", "Landscape_8.jpg", "Portrait_5.jpg",
                                  "Portrait_7.jpg"])
def test_real_photos_come_out_upright(send, name):
    first = send.open(send(real("Landscape_1.jpg" if name.startswith("L") else "Portrait_2.jpg")), "thumb")
    turned = send.open(send(real(name), "f" * 32), "thumb")
    assert turned.size == first.size
    assert difference(first, turned) < 8        # the number in the picture differs, little else


def whole_of_metadata() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Marta Kowalczyk"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (50.0, 15.0, 30.0), 3: "E", 4: (19.0, 1.0, 20.0)})
    return encoded(tattoo(), exif=exif.tobytes(), comment=b"Marta's own camera", icc_profile=display_p3(),
                   xmp=b"<x:xmpmeta>Marta</x:xmpmeta>", dpi=(300, 300))


def test_a_comment_is_gone(send, folder):
    send(encoded(tattoo(), comment=b"Marta's own camera"))
    assert not [path for path in files(folder) if b"Marta" in path.read_bytes()]


@pytest.mark.parametrize("photo", ["drawn", "gps-camera.jpg", "phone-android.jpg", "phone-iphone-hdr.jpg"])
def test_where_and_by_whom_it_was_taken_is_gone(send, folder, photo):
    raw = whole_of_metadata() if photo == "drawn" else real(photo).read_bytes()
    with Image.open(io.BytesIO(raw)) as picture:
        assert picture.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    stored = send(raw)
    for size in ("large", "thumb", "stencil"):
        assert not send.open(stored, size).getexif()
        assert set(send.open(stored, size).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "loop",
                                                     "background",
                                                       "duration", "timestamp"}
        written = contest.photo_path(folder, stored[size]).read_bytes()
        assert not [mark for mark in (b"Exif", b"EXIF", b"XMP", b"xmpmeta", b"ICC", b"Marta", b"NIKON") if mark in written]


def display_p3() -> bytes:
    """A Display P3 profile, made by hand. Source: ICC.1:2010; SMPTE EG 432-1's primaries adapted to D50."""
    def number(x: float) -> bytes:
        return struct.pack(">i", round(x * 65536))

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    curve = b"para\0\0\0\0\0\3\0\0" + b"".join(map(number, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
    tags = {b"desc": b"desc\0\0\0\0\0\0\0\3P3\0" + bytes(79), b"cprt": b"text\0\0\0\0CC0\0",
            b"wtpt": xyz(0.9642, 1, 0.8249),
            b"rXYZ": xyz(0.51512, 0.2412, -0.00105), b"gXYZ": xyz(0.29198, 0.69225, 0.04189), b"bXYZ": xyz(0.1571, 0.06657,
                                                                                                           0.78407),
            b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, value in tags.items():
        value += bytes(-len(value) % 4)
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value
    head = (struct.pack(">I4sI", start + len(body), b"test", 0x04000000) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
            + number(0.9642) + number(1) + number(0.8249) + bytes(48))
    assert len(head) == 128
    return head + table + body


def p3_in_srgb(colour: tuple[int, int, int]) -> list[int]:
    """What a Display P3 colour is in sRGB. Source: CSS Color 4, "Sample code for color conversions"."""
    linear = [level / 255 / 12.92 if level <= 10 else ((level / 255 + 0.055) / 1.055) ** 2.4 for level in colour]
    rows = ((1.2249402, -0.2249402, 0), (-0.0420570, 1.0420570, 0), (-0.0196376, -0.0786361, 1.0982736))
    mixed = [min(1, max(0, sum(a * b for a, b in zip(row, linear)))) for row in rows]
    return [round(255 * (12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055)) for x in mixed]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("colour", [(200, 60, 60), (60, 160, 90), (120, 120, 120), (250, 20, 10), (40, 60, 180)])
def test_a_phones_display_p3_becomes_srgb(send, kind, colour):
    stored = send(encoded(Image.new("RGB", (64, 64), colour), kind, icc_profile=display_p3()))
    seen = send.open(stored).getpixel((32, 32))
    assert max(abs(a - b) for a, b in zip(seen, p3_in_srgb(colour))) <= 4, (seen, p3_in_srgb(colour))


@pytest.mark.parametrize("profile", [b"rubbish", b"", display_p3()[:200], bytes(400)])
def test_a_broken_profile_is_ignored(send, profile):
    stored = send(encoded(Image.new("RGB", (64, 64), (200, 60, 60)), icc_profile=profile))
    assert max(abs(a - b) for a, b in zip(send.open(stored).getpixel((32, 32)), (200, 60, 60))) <= 4


def test_a_colour_profile_on_a_grey_photo_is_ignored(send):
    stored = send(encoded(Image.new("L", (64, 64), 90), icc_profile=display_p3()))
    assert abs(send.open(stored).getpixel((32, 32))[0] - 90) <= 3


def see_through(mode: str) -> Image.Image:
    picture = Image.new(mode, (64, 64), (0,) * len(mode))
    picture.paste((200, 60, 60, 255) if mode == "RGBA" else (90, 255), (0, 0, 32, 64))
    return picture


def palette() -> Image.Image:
    picture = Image.new("P", (64, 64), 1)
    picture.putpalette([200, 60, 60, 0, 0, 0])
    picture.paste(0, (0, 0, 32, 64))
    return picture


@pytest.mark.parametrize(("raw", "left", "right"), [
    (encoded(see_through("RGBA"), "PNG"), (200, 60, 60), (255, 255, 255)),
    (encoded(see_through("RGBA"), "WEBP", lossless=True), (200, 60, 60), (255, 255, 255)),
    (encoded(see_through("RGBA"), "AVIF"), (200, 60, 60), (255, 255, 255)),
    (encoded(see_through("LA"), "PNG"), (90, 90, 90), (255, 255, 255)),
    (encoded(palette(), "PNG"), (200, 60, 60), (0, 0, 0)),
    (encoded(palette(), "PNG", transparency=1), (200, 60, 60), (255, 255, 255)),
    (encoded(palette().convert("RGB"), "PNG", transparency=(0, 0, 0)), (200, 60, 60), (255, 255, 255)),
    (encoded(Image.new("1", (64, 64), 1), "PNG"), (255, 255, 255), (255, 255, 255)),
    (encoded(Image.new("I;16", (64, 64), 0x8000), "PNG"), (128, 128, 128), (128, 128, 128)),
    (encoded(Image.new("L", (64, 64), 90)), (90, 90, 90), (90, 90, 90)),
    (encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0))), (254, 0, 0), (254, 0, 0)),
    (encoded(palette().convert("RGB"), progressive=True), (200, 60, 60), (0, 0, 0)),
], ids=["RGBA png", "RGBA webp", "RGBA avif", "LA", "palette", "palette with a hole", "RGB with a hole", "1 bit", "16 bit",
        "grey", "CMYK", "progressive"])
def test_every_kind_of_pixel_becomes_8_bit_rgb_on_white(send, raw, left, right):
    large = send.open(send(raw))
    assert large.mode == "RGB"
    for at, wanted in (((12, 32), left), ((52, 32), right)):
        assert max(abs(a - b) for a, b in zip(large.getpixel(at), wanted)) <= 6, (at, large.getpixel(at))


def test_sixteen_bit_colour_is_cut_to_eight(send):
    raw = struct.pack(">HHH", 0xC8FF, 0x3C00, 0x3C80) * 64
    rows = b"".join(b"\0" + raw for _ in range(64))
    large = send.open(send(png(64, 64, bytes([16, 2, 0, 0, 0]), zlib.compress(rows))))
    assert max(abs(a - b) for a, b in zip(large.getpixel((32, 32)), (200, 60, 60))) <= 4


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_of_an_animation_the_first_frame_is_taken(send, kind):
    red, blue = Image.new("RGB", (64, 64), (200, 40, 40)), Image.new("RGB", (64, 64), (40, 40, 200))
    stored = send(encoded(red, kind, save_all=True, append_images=[blue], duration=100))
    seen = send.open(stored).getpixel((32, 32))
    assert seen[0] > 150
    assert seen[2] < 100


def test_of_a_camera_s_double_picture_the_first_is_taken(send):
    raw = encoded(tattoo(), "MPO", save_all=True, append_images=[tattoo(64, 48)])
    assert (send(raw)["width"], send(raw, "f" * 32)["height"]) == (640, 480)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_is_no_reason_to_refuse(send, kind):
    for exif in (b"Exif\0\0rubbish", b"Exif\0\0MM", b"Exif\0\0II*\0\xff\xff\xff\xff",
                 b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03\xff\xff\xff\xff" * 9):
        assert send(encoded(tattoo(), kind, exif=exif))["width"] == 640


# The stencil.

def test_a_stencil_is_violet_lines_on_nothing(send):
    stencil = send.open(send(encoded(tattoo())), "stencil")
    assert stencil.mode == "RGBA"
    assert 0.05 < coverage(stencil) < 0.35
    line, skin = stencil.getpixel((320 - 187, 240)), stencil.getpixel((20, 20))
    assert line[3] > 200 and max(abs(a - b) for a, b in zip(line, (0x43, 0x28, 0x9B))) < 12
    assert skin[3] == 0


def test_specks_are_dropped_and_lines_kept(send):
    picture = tattoo()
    draw = ImageDraw.Draw(picture)
    for x in range(20, 620, 40):
        draw.rectangle((x, 8, x + 4, 12), fill="#15101a")
    stencil = send.open(send(encoded(picture, "PNG")), "stencil").getchannel("A")
    assert stencil.crop((0, 0, 640, 18)).getextrema()[1] == 0
    assert stencil.crop((120, 200, 145, 280)).getextrema()[1] > 200


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (17, 16), (200, 150)])
def test_the_median_is_pillows_to_the_byte(size):
    grey = Image.frombytes("L", size, os.urandom(size[0] * size[1]))
    assert contest._median(grey).tobytes() == grey.filter(ImageFilter.MedianFilter(3)).tobytes()


def test_warnings_of_many_threads_stay_silent_and_are_heard_again_afterwards(tmp_path):
    odd = tmp_path / "odd.jpg"
    odd.write_bytes(encoded(tattoo(), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03\xff\xff\xff\xff" * 9))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        with Image.open(odd) as picture:
            picture.getexif()
        assert heard, "a photo that Pillow warns of"
        heard.clear()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(contest.check_photo, [odd] * 40))
        assert warnings.filters == before and not heard
        warnings.warn("heard")
        assert len(heard) == 1


@pytest.mark.parametrize("name", ["Landscape_1.jpg", "Portrait_2.jpg", "gps-camera.jpg", "phone-android.jpg",
                                  "phone-iphone-hdr.jpg", "phone-jolla.jpg"])
def test_stencils_of_real_photos_are_line_work(send, name):
    stencil = send.open(send(real(name)), "stencil")
    assert 0.01 <= coverage(stencil) <= 0.35
    assert stencil.getchannel("A").histogram()[0] > 0.5 * stencil.width * stencil.height


def test_where_lines_would_say_nothing_the_stencil_is_a_duotone(send):
    flat = Image.linear_gradient("L").resize((640, 480))
    alpha = send.open(send(encoded(flat)), "stencil").getchannel("A")
    assert alpha.getpixel((320, 5)) > 240 and alpha.getpixel((320, 475)) < 15
    assert 110 < alpha.getpixel((320, 240)) < 145


# What is refused.

def png(width: int, height: int, rest: bytes, pixels: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", width, height) + rest) + chunk(b"IDAT", pixels)
            + chunk(b"IEND", b""))


def jpeg_claiming(width: int, height: int) -> bytes:
    raw = bytearray(encoded(quarters(64, 64)))
    at = raw.index(b"\xff\xc0")
    raw[at + 5:at + 9] = struct.pack(">HH", height, width)
    return bytes(raw)


def webp_claiming(width: int, height: int) -> bytes:
    inner = encoded(quarters(64, 64), "WEBP", lossless=True)[12:]
    body = b"WEBPVP8X\x0a\0\0\0\x10\0\0\0" + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3] + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("raw", [
    png(30_000, 30_000, bytes([8, 2, 0, 0, 0])), png(10_000, 10_000, bytes([8, 2, 0, 0, 0])),
    png(5_001, 5_000, bytes([8, 2, 0, 0, 0]), zlib.compress(bytes(10_000_000))), jpeg_claiming(30_000, 30_000),
    jpeg_claiming(65_535, 65_535), jpeg_claiming(10_000, 5_001), jpeg_claiming(12_000, 10_000), webp_claiming(16_383,
                                                                                                              16_383),
], ids=["png 900", "png 100", "png 25", "jpeg 900", "jpeg 4295", "jpeg 50", "jpeg 120", "webp 268"])
def test_a_header_that_promises_too_many_pixels_is_refused(send, folder, raw):
    no = refused(send, folder, raw)
    assert (no.code, no.status) == ("photo_too_many_pixels", 413)
    assert "megapixels" in str(no)


GIF = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"


@pytest.mark.parametrize("raw", [b"", b"\xff", b"a text called rose.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", GIF,
                                 b"%PDF-1.7", b"II*\0\x08\0\0\0", b"BM" + bytes(60), b"\0" * 4096, b"\0\0\0\x18ftypmp42" + bytes(99),
                                 b"\0\0\0\0ftyp", b"RIFF\0\0\0\0WAVEfmt "])
def test_what_is_no_photo_is_said_to_be_none(send, folder, raw):
    no = refused(send, folder, raw)
    assert (no.code, no.status) == ("not_a_photo", 415)


def test_heic_is_refused_by_name(send, folder):
    for raw in (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), b"\0\0\0\x1cftypmif1\0\0\0\0mif1heixmiaf" + bytes(99)):
        no = refused(send, folder, raw)
        assert (no.code, no.status) == ("photo_heic", 415)
    assert refused(send, folder, real("phone-iphone.heic")).code == "photo_heic"


def test_a_photo_under_16_pixels_is_refused(send, folder):
    no = refused(send, folder, encoded(quarters(400, 15), "PNG"))
    assert (no.code, no.status) == ("photo_too_small", 400)


@pytest.mark.parametrize("kind", [*FORMATS, "progressive"])
def test_a_truncated_photo_is_refused_wherever_it_was_cut(send, folder, kind):
    raw = encoded(tattoo(), progressive=True) if kind == "progressive" else encoded(tattoo(), kind)
    for part in (0.02, 0.1, 0.3, 0.5, 0.8, 0.95):
        no = refused(send, folder, raw[:max(200, int(len(raw) * part))])
        assert (no.code, no.status) == ("photo_broken", 415)
    if kind not in ("PNG", "AVIF"):
        assert refused(send, folder, raw[:-3]).code == "photo_broken"


def test_magic_bytes_alone_are_a_broken_photo(send, folder):
    for raw in (b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP",
                b"\0\0\0\x14ftypavif\0\0\0\0avif"):
        assert refused(send, folder, raw).code == "photo_broken"


def test_a_jpeg_of_a_thousand_scans_is_refused_unread(send, folder):
    raw = encoded(tattoo(), progressive=True)
    scan = raw[raw.rindex(b"\xff\xda"):-2]
    assert send(raw[:-2] + scan * 10 + raw[-2:])["width"] == 640
    assert refused(send, folder, raw[:-2] + scan * 1000 + raw[-2:]).code == "photo_broken"
    # A marker that has no length must not be read as one that skips the 65,535 bytes behind it.
    hidden = b"\xff\x01" + (scan * (60_000 // len(scan))).rjust(65_535, b"\xff")
    assert refused(send, folder, raw[:-2] + hidden * 20 + raw[-2:]).code == "photo_broken"


def test_a_film_behind_a_phones_photo_does_no_harm(send):
    assert send(encoded(tattoo()) + b"\0\2" + b"\xff\xda\0\2" * 5000)["width"] == 640


def test_compressed_text_that_swells_is_refused_or_ignored(send, folder):
    bomb = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    raw = encoded(tattoo(), "PNG")
    chunk = struct.pack(">I", len(bomb)) + b"zTXt" + bomb + struct.pack(">I", zlib.crc32(b"zTXt" + bomb))
    assert refused(send, folder, raw[:33] + chunk + raw[33:]).code == "photo_broken"


SEEDS = [encoded(picture, kind, **options) for kind, options in (
    ("JPEG", {}), ("JPEG", {"progressive": True, "icc_profile": display_p3()}), ("PNG", {}), ("WEBP", {}),
    ("WEBP", {"lossless": True}), ("AVIF", {"speed": 10})) for picture in (quarters(48, 40),)]
SEEDS += [whole_of_metadata(), encoded(see_through("RGBA"), "PNG", icc_profile=display_p3()), encoded(palette(), "PNG",
                                                                                                      transparency=1),
          encoded(Image.new("CMYK", (48, 40), (0, 255, 255, 0))), webp_claiming(64, 64),
          encoded(quarters(48, 40), "WEBP", save_all=True, append_images=[see_through("RGBA").resize((48, 40))]),
          encoded(quarters(48, 40), "MPO", save_all=True, append_images=[quarters(32, 24)])]


@st.composite
def damaged(draw) -> bytes:
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        early = draw(st.booleans())             # headers are where decoders go wrong
        at = draw(st.integers(0, max(0, min(len(raw), 120 if early else len(raw)) - 1)))
        match draw(st.sampled_from(["flip", "cut", "insert", "drop", "number"])):
            case "flip":
                raw[at:at + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del raw[at + 16:]
            case "insert":
                raw[at:at] = draw(st.binary(max_size=12))
            case "drop":
                del raw[at:at + draw(st.integers(1, 40))]
            case "number":
                raw[at:at + 4] = draw(st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1",
                                                       b"\x80\0\0\0"]))
    return bytes(raw)


@given(damaged())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture,
                                                                  HealthCheck.too_slow])
def test_damaged_bytes_are_taken_or_refused_and_nothing_else(send, folder, raw):
    shutil.rmtree(folder, ignore_errors=True)
    try:
        send(raw)
    except contest.Refused as no:
        assert no.status in (400, 413, 415)
        assert not files(folder)
    else:
        assert len(files(folder)) == 3


@pytest.mark.parametrize("name", ["corrupted.jpg", "invalid.jpg"])
def test_real_broken_photos_are_taken_or_refused(send, name):
    try:
        assert send(real(name))["width"] >= 16
    except contest.Refused as no:
        assert no.code == "photo_broken"


# The disk.

def test_nothing_has_its_name_before_all_of_it_is_synced(send, folder):
    seen = []

    def sync(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, sorted(path.suffix for path in files(folder))))
        os.fsync(descriptor)

    folder.mkdir(parents=True)
    (folder / NAME[:2]).mkdir()
    send(encoded(tattoo()), sync=sync)
    assert seen == [("file", [".part"]), ("file", [".part"] * 2), ("file", [".part"] * 3),
                    ("folder", [".jpg", ".webp", ".webp"])]


def test_new_folders_are_synced_into_their_parents(send, folder):
    synced = []

    def sync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            synced.append(os.fstat(descriptor).st_ino)

    send(encoded(tattoo()), sync=sync)
    parents = [folder.parent.parent, folder.parent, folder, folder / NAME[:2]]
    assert synced == [path.stat().st_ino for path in parents]


@pytest.mark.parametrize("good", range(4))
def test_a_full_disk_passes_through_and_leaves_nothing(send, folder, good):
    send(encoded(tattoo()), "a" * 32)
    kept, calls = files(folder), iter(range(99))
    (folder / NAME[:2]).mkdir()

    def sync(descriptor):
        if next(calls) == good:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        send(encoded(tattoo()), sync=sync)
    assert caught.value.errno == errno.ENOSPC
    assert files(folder) == kept
    assert send(encoded(tattoo()))["width"] == 640


def test_an_upload_that_is_gone_is_the_disks_error_not_the_photos(tmp_path, folder):
    with pytest.raises(FileNotFoundError):
        contest.take_in(tmp_path / "gone", folder, NAME)


def test_a_disk_that_fails_while_reading_is_not_the_photos_fault(folder):
    class Failing(io.BytesIO):
        def read(self, count=-1):
            if self.tell() >= 256 or count < 0:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(count)

    for kind in FORMATS:
        upload = SimpleNamespace(open=lambda mode, kind=kind: Failing(encoded(tattoo(), kind)))
        with pytest.raises(OSError, match="Input/output error"):
            contest.take_in(upload, folder, NAME)
    assert not files(folder)


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", NAME, f"{NAME}-large.webp", f"{NAME}-large.jpg\n",
                                  f"{NAME[:-1]}-large.jpg",
                                  f"{NAME.upper()}-large.jpg", f"../{NAME}-large.jpg", f"{NAME}-large.jpg/..", f".{NAME}-large.jpg.part",
                                  f"{NAME}-thumb.jpg", "٠" * 32 + "-large.jpg", f"{NAME}-large.jpg\0"])
def test_only_names_of_stored_photos_have_a_path(tmp_path, name):
    with pytest.raises(contest.Refused) as caught:
        contest.photo_path(tmp_path, name)
    assert (caught.value.code, caught.value.status) == ("not_found", 404)


# The drawn pictures of the demo.

@pytest.mark.parametrize("kind", range(len(demo.MOTIFS)))
def test_every_drawn_tattoo_makes_a_photo_and_a_line_stencil(send, tmp_path, kind):
    stored = send(demo.draw(kind, tmp_path))
    assert (stored["width"], stored["height"]) == (1600, 2000)
    assert 0.01 <= coverage(send.open(stored, "stencil")) <= 0.35


def test_a_drawn_tattoo_is_the_same_every_time(tmp_path):
    (tmp_path / "again").mkdir()
    assert demo.draw(17, tmp_path).read_bytes() == demo.draw(17, tmp_path / "again").read_bytes()
