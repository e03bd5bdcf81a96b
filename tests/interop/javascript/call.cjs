// node call.cjs PACKAGE: reads {url, options, calls: [[method, options], ...]} from standard input, calls the methods one
// after the other, and writes [{value} or {status, message}, ...]. Bytes travel as {base64}.
"use strict";

require("./browser.cjs");
console.log = console.debug = console.info = console.error; // standard output is for the answers
const { api } = require(process.argv[2]);

const isBytes = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);

function sent(value) {
  if (isBytes(value)) return { base64: Buffer.from(value instanceof ArrayBuffer ? value : value.buffer).toString("base64") };
  return Array.isArray(value) ? value.map(sent) : value;
}

function received(value) {
  if (Array.isArray(value)) return value.map(received);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.base64 === "string") return new Uint8Array(Buffer.from(value.base64, "base64")).buffer;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, received(member)]));
}

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const { url, options, calls } = JSON.parse(text);
  const client = new api.DICOMwebClient({ url, verbose: false, ...options });
  const answers = [];
  for (const [method, argument] of calls) {
    try {
      answers.push({ value: sent(await client[method](received(argument))) });
    } catch (error) {
      answers.push({ status: error.status ?? 0, message: String(error.message) });
    }
  }
  process.stdout.write(JSON.stringify(answers));
}

main();
