// Makes a photo ready for sending: a 12 megapixel picture of 6 MB becomes a JPEG of about 1 MB, upright, before it
// goes over a hall's wifi. The server decides what a photo is; this only saves bytes, so whatever goes wrong here
// ends in the original file or in a plain refusal, never in waiting.

export const LONGEST = 2560;                 // pixels; the server keeps 2048, the rest is room for its own resampling
const QUALITY = 0.9;
const DECODE_SECONDS = 20;
const MOST_BYTES = 25 * 1024 * 1024;         // larger ones are refused by the server in the middle of the upload
const MOST_PIXELS = { jpeg: 50e6, png: 25e6, webp: 25e6, avif: 25e6 };
const MIME = { jpeg: "image/jpeg", png: "image/png", webp: "image/webp", avif: "image/avif" };
const HEIC = ["heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"];

/** A photo that cannot be sent; `code` is one of the server's own, so the same words serve for both. */
export class NotTaken extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * The photo to send: {blob, name, width, height, shown}. `shown` is false when this browser cannot show it.
 * Throws NotTaken `photo_broken`, `photo_heic`, `not_a_photo`, `photo_too_large`.
 */
export async function shrink(file) {
  const kind = await kindOf(file);
  const original = { blob: file, name: file.name || `photo.${kind}`, width: 0, height: 0, shown: false };
  let picture;
  try {
    picture = await within(DECODE_SECONDS, decode(file, kind));
  } catch {
    if (kind === "heic") throw new NotTaken("photo_heic");
    if (!(kind in MIME)) throw new NotTaken("not_a_photo");
    return checked(original);
  }
  const { width, height } = picture;
  const made = readsBack() ? await draw(picture).catch(() => null) : null;
  picture.close?.();
  Object.assign(original, { width, height, shown: true });
  const sendable = kind in MIME && width * height <= MOST_PIXELS[kind];
  if (!made) {
    if (kind === "heic") throw new NotTaken("photo_heic");
    if (!(kind in MIME)) throw new NotTaken("not_a_photo");
    return checked(original);
  }
  if (sendable && file.size <= made.blob.size) return checked(original);
  return checked({ ...made, name: (file.name || "photo").replace(/\.[^.]*$/, "") + ".jpg", shown: true });
}

function checked(photo) {
  if (photo.blob.size > MOST_BYTES) throw new NotTaken("photo_too_large");
  return photo;
}

/** What the first bytes say: "jpeg", "png", "webp", "avif", "heic" or "". A file's name and type are often wrong. */
async function kindOf(file) {
  let bytes;
  try {
    bytes = new Uint8Array(await new Response(file.slice(0, 64)).arrayBuffer());
  } catch {
    throw new NotTaken("photo_broken");      // chosen from a cloud folder and never fetched, or removed since
  }
  if (!bytes.length) throw new NotTaken("photo_broken");
  const text = String.fromCharCode(...bytes);
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("\x89PNG")) return "png";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "webp";
  if (text.slice(4, 8) !== "ftyp") return "";
  const brands = text.slice(8, Math.min(bytes[3] + 256 * bytes[2], 64)).match(/[\s\S]{4}/g) ?? [];
  if (brands.includes("avif") || brands.includes("avis")) return "avif";
  return brands.some((brand) => HEIC.includes(brand)) ? "heic" : "";
}

/** An upright picture. Older Safari knows createImageBitmap without options, or only <img>, which turns photos by itself. */
async function decode(file, kind) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch (error) {
    if (!kind) throw error;                  // an <img> would also take an SVG, which is no photo
  }
  const image = new Image();
  const url = URL.createObjectURL(file);
  try {
    image.src = url;
    await image.decode();
    if (!image.naturalWidth) throw new Error("no size");
    return image;
  } finally {
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  }
}

async function draw(picture) {
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = "#fff";                    // a JPEG has no transparency: without this a cut-out stands on black
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await within(DECODE_SECONDS, new Promise((done) => { canvas.toBlob(done, "image/jpeg", QUALITY); }));
  const { width, height } = canvas;
  canvas.width = canvas.height = 0;          // iPhones count canvas memory until it is collected
  return blob && { blob, width, height };
}

/** Whether a canvas gives back what was drawn: browsers that guard against fingerprinting answer with noise instead. */
function readsBack() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) return false;
  pen.fillStyle = "rgb(67, 40, 155)";
  pen.fillRect(0, 0, 8, 8);
  const { data } = pen.getImageData(0, 0, 8, 8);
  const want = [67, 40, 155, 255];
  return data.every((value, i) => Math.abs(value - want[i % 4]) <= 4);
}

function within(seconds, promise) {
  let timer;
  const late = new Promise((_, fail) => { timer = setTimeout(() => fail(new Error("too slow")), seconds * 1000); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
