// Asks a running nginx what questions.mjs says and writes down what it answered: see README.md.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { QUESTIONS } from './questions.mjs';

const PORT = 18_130;
const MODIFIED = 1_700_000_000;
const HERE = import.meta.dirname;

for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(QUESTIONS))
  await record(name);

async function record(name) {
  const { files, requests } = QUESTIONS[name];
  const folder = mkdtempSync(join(tmpdir(), 'answers-'));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'logs'));
  let text = '';
  for (const [path, content] of Object.entries(files)) {
    put(Buffer.from(`${folder}/${path}`, 'latin1'), content);
    text += `+ ${printable(path).replaceAll(' ', '\\x20')} ${printable(content)}\n`;
  }
  const template = readFileSync(join(HERE, `${name}.conf`), 'latin1');
  writeFileSync(
    join(folder, 'nginx.conf'),
    template.replaceAll('PORT', `${PORT}`).replaceAll('DIR', folder),
    'latin1',
  );
  const { NGINX = 'nginx', ...env } = process.env;
  const child = spawn(NGINX, ['-p', `${folder}/`, '-c', 'nginx.conf', '-e', 'logs/error.log'], {
    stdio: 'inherit',
    env,
  });
  for (let tries = 0; (await exchange('')) === undefined; tries++) {
    if (tries > 200 || child.exitCode !== null) throw new Error('nginx does not start');
    await new Promise((done) => setTimeout(done, 20));
  }
  for (const request of requests) {
    text += `${written(request)}\n`;
    text += `${describe((await exchange(wire(request))) ?? Buffer.alloc(0), request.method)}\n`;
  }
  child.kill('SIGTERM');
  await once(child, 'exit');
  rmSync(folder, { recursive: true });
  writeFileSync(join(HERE, `${name}.txt`), text.replaceAll(`${PORT}`, 'PORT').replaceAll(folder, 'DIR'));
}

function put(path, content) {
  mkdirSync(path.subarray(0, path.lastIndexOf('/')), { recursive: true });
  writeFileSync(path, Buffer.from(content, 'latin1'));
  utimesSync(path, MODIFIED, MODIFIED);
}

function wire({ method, target, headers, version, body = '' }) {
  const all = { Host: 'localhost', ...headers, Connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n${body}`;
}

/** All bytes until the connection's end; undefined where there is none. */
function exchange(text) {
  return new Promise((resolve) => {
    const parts = [];
    const socket = connect(PORT, '127.0.0.1', () =>
      text === '' ? socket.destroy() : socket.write(Buffer.from(text, 'latin1')),
    );
    socket.on('data', (bytes) => parts.push(bytes));
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(Buffer.concat(parts)));
  });
}

function written({ method, target, headers, version, body }) {
  const lines = Object.entries(headers).map(([name, value]) => `\n  ${name}: ${printable(value)}`);
  return `> ${method} ${printable(target)} ${version}${lines.join('')}${body === undefined ? '' : `\n  = ${printable(body)}`}`;
}

/** The answer in the form of README.md, a 100 before it too. */
function describe(bytes, method) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return `< ${printable(bytes.toString('latin1'))}`;
  const [statusLine = '', ...headers] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const rest = bytes.subarray(end + 4);
  const status = statusLine.slice('HTTP/1.1 '.length);
  if (status.startsWith('100')) return `< ${status}\n${describe(rest, method)}`;
  const body = contentOf(rest, headers);
  const isPage = /<hr><center>nginx/.test(body);
  const lines = headers.filter((line) => {
    if (/^(?:Server|Date):/.test(line)) return false;
    return !(
      line.startsWith('Content-Length:') &&
      (isPage || (method === 'HEAD' && !status.startsWith('2')))
    );
  });
  const boundary = /boundary=(\d+)/.exec(headers.join('\n'))?.[1];
  const shown = [
    ...lines.map((line) => `\n  ${printable(line)}`),
    `\n  = ${isPage ? '[page]' : printable(body)}`,
  ].join('');
  return `< ${status}${boundary === undefined ? shown : shown.replaceAll(boundary, 'BOUNDARY')}`;
}

function contentOf(bytes, headers) {
  const head = headers.join('\n');
  const plain = /^Transfer-Encoding: chunked/im.test(head) ? unchunked(bytes) : bytes;
  return (/^Content-Encoding: gzip/im.test(head) && plain.length > 0 ? gunzipSync(plain) : plain).toString(
    'latin1',
  );
}

function unchunked(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
  return Buffer.concat(parts);
}

function printable(text) {
  return text.replace(/[^\x20-\x7e]|\\/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
