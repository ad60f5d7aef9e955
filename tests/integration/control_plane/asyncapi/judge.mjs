// What the official parser says of documents: reads {documents: [text]} and prints {verdicts: [[error, ...]]}.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

globalThis.self = globalThis; // it is built for browsers
const Parser = createRequire(import.meta.url)("../../../vendor/asyncapi-parser/index.cjs");

const ERROR = 0;
const { documents } = JSON.parse(readFileSync(0, "utf8"));
const refuse = (schema) => ({ schema, order: 1, canRead: true, read: () => { throw new Error("remote"); } });
const parser = new Parser({ __unstable: { resolver: { resolvers: ["http", "https", "file"].map(refuse) } } });
const verdicts = [];
for (const document of documents) {
  const found = await parser.validate(document);
  verdicts.push(found.filter((item) => item.severity === ERROR).map((item) => `${item.code} ${item.path.join("/")}: ${item.message}`));
}
process.stdout.write(JSON.stringify({ verdicts }));
