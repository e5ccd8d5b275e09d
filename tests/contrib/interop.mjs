// What the npm package "jose" makes of tokens and key sets: one JSON document on standard input,
// the answers on standard output. JOSE is the directory in which the package is installed.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const require = createRequire(join(process.env.JOSE, "package.json"));
const jose = await import(pathToFileURL(require.resolve("jose")));

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

// Verifies as a service would: with the key set that the server publishes at an address.
async function verify({ token, url, expected }) {
  const keys = jose.createRemoteJWKSet(new URL(url));
  const { payload, protectedHeader } = await jose.jwtVerify(token, keys, expected);
  return { payload, header: protectedHeader };
}

async function sign({ key, header, claims }) {
  const signing = await jose.importJWK(key, header.alg);
  return await new jose.SignJWT(claims).setProtectedHeader(header).sign(signing);
}

async function answer(question) {
  try {
    return { result: await { verify, sign }[question.act](question) };
  } catch (error) {
    return { error: error.code ?? String(error) };
  }
}

const questions = JSON.parse(await readAll(process.stdin));
const answers = [];
for (const question of questions) answers.push(await answer(question));
process.stdout.write(JSON.stringify(answers));
