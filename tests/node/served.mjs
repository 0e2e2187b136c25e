// served.mjs - starts the servers that the tests here talk to: scripted answers always, the
// program with a real model where both are there.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const modelFile = 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf';

function findProgram(variable, candidates) {
  const named = process.env[variable];
  const all = named ? [named] : candidates.map((c) => path.join(root, c));
  return all.find((p) => existsSync(p));
}

export const fakeProgram = findProgram('LONGHAUL_FAKE_SERVER',
  ['build-sanitize/tests/fake_server', 'build/tests/fake_server']);
export const realProgram = findProgram('LONGHAUL_BIN', ['build/longhaul']);
const modelsDir = process.env.LONGHAUL_MODELS_DIR ||
  path.join(homedir(), '.cache/longhaul/models');
export const model = [path.join(modelsDir, modelFile)].find((p) => existsSync(p));

// A reason to skip, or false.
export const skipFake = fakeProgram ? false : 'no fake_server is built';
export const skipReal = !realProgram ? 'build/longhaul is not built' :
  !model ? 'no model in LONGHAUL_MODELS_DIR' : false;

function stopper(child) {
  const ended = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
  return async () => {
    child.kill('SIGTERM');
    const code = await ended;
    if (code !== 0) throw new Error(`the server ended with ${code}`);
  };
}

export async function startFake(options = {}) {
  const child = spawn(fakeProgram, Object.entries(options).map(([k, v]) => `${k}=${v}`),
    { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines = [];
  const port = await new Promise((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`fake_server ended with ${code}`)));
    child.stdout.on('data', (data) => {
      lines.push(...data.toString().split('\n').filter(Boolean));
      if (lines[0]?.startsWith('port=')) resolve(lines[0].slice(5));
    });
  });
  const cancelled = async () => {
    while (!lines.includes('cancelled')) await new Promise((r) => setTimeout(r, 20));
  };
  return { url: `http://127.0.0.1:${port}/v1`, cancelled, stop: stopper(child) };
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

export async function startReal() {
  const port = await freePort();
  const child = spawn(realProgram, ['serve', '--model', model, '--context', '2048', '--host',
    '127.0.0.1', '--port', String(port)], { stdio: 'ignore' });
  let ended;
  child.on('exit', (code) => { ended = code; });
  const stop = stopper(child);
  for (;;) {
    if (ended !== undefined) throw new Error(`longhaul serve ended with ${ended}`);
    const health = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    if (health?.ok) return { url: `http://127.0.0.1:${port}/v1`, stop };
    await new Promise((r) => setTimeout(r, 100));
  }
}
