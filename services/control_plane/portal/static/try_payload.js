// Messages as people write them: text, JSON that is looked at before it goes, and bytes in hex or of a file.
"use strict";

const MAX_FILE = 1_048_576;

const payload = {
  hex(bytes) {
    const shown = Array.from(bytes.slice(0, 64), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return `${shown}${bytes.length > 64 ? " …" : ""}`;
  },

  size: (data) => (typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength),

  words: (data) => (typeof data === "string" ? data : payload.hex(new Uint8Array(data))),

  // Returns JSON over several lines, and anything else as it is.
  pretty(text) {
    if (!/^\s*[[{]/.test(text) || text.length > 20_000) return text;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  },

  // Returns what is to be sent. Throws an error that says what is wrong.
  async read(kind, text, file) {
    if (kind === "text") return text;
    if (kind === "json") {
      try {
        JSON.parse(text);
      } catch (error) {
        throw new Error(`That is no JSON: ${error.message}`);
      }
      return text;
    }
    if (file) {
      if (file.size > MAX_FILE) throw new Error("The file is larger than 1 MB.");
      return file.arrayBuffer();
    }
    const digits = text.replace(/\s+/g, "");
    if (!/^([0-9a-f]{2})+$/i.test(digits)) throw new Error("Bytes are two hex digits each, such as 48 65 6c 6c 6f; or choose a file.");
    return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16)).buffer;
  },
};
