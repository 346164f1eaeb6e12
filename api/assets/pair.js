// A key pair on P-256 and a signing request for it (PKCS #10, RFC 2986), made by the browser itself. Nothing here sends anything: the
// private key leaves this file only as the text that its owner stores.

const algorithm = { name: "ECDSA", namedCurve: "P-256" };

// DER (X.690): a value is its tag, the length of its content, and the content. Nothing here is longer than 65535 bytes.
const value = (tag, ...parts) => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  const out = new Uint8Array(head.length + length);
  out.set(head);
  let at = head.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

const sequence = (...parts) => value(0x30, ...parts);
const set = (...parts) => value(0x31, ...parts);
const bits = (bytes) => value(0x03, [0], bytes); // no unused bits
const utf8 = (text) => value(0x0c, new TextEncoder().encode(text));

// integer encodes an unsigned number: no zeros before it but one, where it would else be negative.
const integer = (bytes) => {
  let first = 0;
  while (first < bytes.length - 1 && bytes[first] === 0) first++;
  const digits = bytes.subarray(first);
  return digits[0] & 0x80 ? value(0x02, [0], digits) : value(0x02, digits);
};

const commonName = value(0x06, [0x55, 0x04, 0x03]); // 2.5.4.3
const ecdsaWithSHA256 = value(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]); // 1.2.840.10045.4.3.2

const toPEM = (label, bytes) => {
  const text = btoa(String.fromCharCode(...bytes));
  return "-----BEGIN " + label + "-----\n" + text.match(/.{1,64}/g).join("\n") + "\n-----END " + label + "-----\n";
};

// request is the signing request: a name that nobody reads, the public key, and no attributes, signed with the private key.
const request = async (privateKey, publicKey) => {
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  const name = sequence(set(sequence(commonName, utf8("browser"))));
  const info = sequence(integer(Uint8Array.of(0)), name, spki, value(0xa0));
  // WebCrypto signs as r and s, 32 bytes each (IEEE P1363); X.509 has them as two integers (RFC 5480).
  const raw = new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, info));
  const signature = sequence(integer(raw.subarray(0, 32)), integer(raw.subarray(32)));
  return toPEM("CERTIFICATE REQUEST", sequence(info, sequence(ecdsaWithSHA256), bits(signature)));
};

// canMakePairs is whether this browser can: not on a page that came without TLS.
export const canMakePairs = () => isSecureContext && crypto.subtle !== undefined;

// makePair makes a pair; key is the private one as PEM (PKCS #8), csr the request for it.
export const makePair = async () => {
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign"]);
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  return { key: toPEM("PRIVATE KEY", pkcs8), csr: await request(pair.privateKey, pair.publicKey) };
};

// readPair is the pair of a private key that makePair made.
export const readPair = async (text) => {
  const found = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/.exec(text);
  try {
    const pkcs8 = Uint8Array.from(atob(found[1].replace(/\s/g, "")), (c) => c.charCodeAt(0));
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]);
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", privateKey);
    const publicKey = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, algorithm, true, ["verify"]);
    return { key: toPEM("PRIVATE KEY", pkcs8), csr: await request(privateKey, publicKey) };
  } catch {
    throw new Error("This file holds no private key for P-256 in PEM (PKCS #8), such as this page makes.");
  }
};
