// nginx's own answers, recorded (test/cases/answers/README.md), against a balancer in a simulated world with the same configuration.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteString, bytesOf } from '../src/base/bytes.ts';
import { PRODUCT } from '../src/version.ts';
import { type Balancer, balancer, PREFIX } from './support/balancer.ts';

const FOLDER = join(import.meta.dirname, 'cases/answers');
const PORT = 8080;

interface Case {
  readonly request: readonly string[];
  readonly answer: readonly string[];
}

for (const file of readdirSync(FOLDER).filter((each) => each.endsWith('.txt'))) {
  const name = file.slice(0, -'.txt'.length);
  const { files, cases } = parse(readFileSync(join(FOLDER, file), 'latin1'));

  describe(`nginx's answers under ${name}.conf`, () => {
    let subject: Balancer;

    beforeAll(async () => {
      const text = readFileSync(join(FOLDER, `${name}.conf`), 'latin1');
      subject = await balancer(placed(text), { files });
    });

    afterAll(async () => {
      expect(await subject.close()).toEqual([]);
    });

    for (const { request, answer } of cases) {
      it(`are ours to ${request.join(' ')}`, async () => {
        const method = request[0]?.split(' ')[1] ?? '';
        const client = subject.client(PORT).send(wire(request));
        await client.closed();
        expect(describeAnswer(bytesOf(client.text), method)).toEqual(answer.map(placed));
      });
    }
  });
}

function parse(text: string): { files: Record<string, string>; cases: Case[] } {
  const files: Record<string, string> = {};
  const cases: { request: string[]; answer: string[] }[] = [];
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('+ ')) {
      const [, path = '', content = ''] = /^\+ (\S+) (.*)$/.exec(line) ?? [];
      files[PREFIX + unprintable(path)] = unprintable(content);
    } else if (line.startsWith('> ')) {
      const next = { request: [line], answer: [] };
      cases.push(next);
      lines = next.request;
    } else if (line.startsWith('< ')) {
      lines = cases.at(-1)?.answer ?? [];
      lines.push(line);
    } else if (line !== '') lines.push(line);
  }
  return { files, cases };
}

/** What stands for the port and the prefix, filled in. */
function placed(text: string): string {
  return text.replaceAll('PORT', String(PORT)).replaceAll('DIR', PREFIX.slice(0, -1));
}

function wire([first = '', ...rest]: readonly string[]): string {
  const [, method = '', target = '', version = ''] = /^> (\S+) (.*) (\S+)$/.exec(first) ?? [];
  const headers = rest.filter((line) => !line.startsWith('  = ')).map((line) => unprintable(line.slice(2)));
  const body = rest.find((line) => line.startsWith('  = '))?.slice(4) ?? '';
  if (!headers.some((line) => line.startsWith('Host:'))) headers.unshift('Host: localhost');
  const head = [`${method} ${unprintable(target)} HTTP/${version}`, ...headers, 'Connection: close'];
  return `${head.join('\r\n')}\r\n\r\n${unprintable(body)}`;
}

/** In the form of the recorded ones. */
function describeAnswer(bytes: Uint8Array, method: string): string[] {
  const text = byteString(bytes);
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return [`< ${printable(text)}`];
  const [statusLine = '', ...headers] = text.slice(0, end).split('\r\n');
  const status = statusLine.slice('HTTP/1.1 '.length);
  const rest = bytes.subarray(end + 4);
  if (status.startsWith('100')) return [`< ${status}`, ...describeAnswer(rest, method)];
  const body = contentOf(rest, headers);
  const isPage = body.includes(`<hr><center>${PRODUCT}`);
  const lines = headers.filter((line) => {
    if (/^(?:Server|Date):/.test(line)) return false;
    return !(
      line.startsWith('Content-Length:') &&
      (isPage || (method === 'HEAD' && !status.startsWith('2')))
    );
  });
  const boundary = /boundary=(\d+)/.exec(headers.join('\n'))?.[1];
  const shown = [
    `< ${status}`,
    ...lines.map((line) => `  ${printable(line)}`),
    `  = ${isPage ? '[page]' : printable(body)}`,
  ];
  return boundary === undefined ? shown : shown.map((line) => line.replaceAll(boundary, 'BOUNDARY'));
}

function contentOf(bytes: Uint8Array, headers: readonly string[]): string {
  const head = headers.join('\n');
  const plain = /^Transfer-Encoding: chunked/im.test(head) ? unchunked(byteString(bytes)) : byteString(bytes);
  return /^Content-Encoding: gzip/im.test(head) && plain !== ''
    ? byteString(gunzipSync(bytesOf(plain)))
    : plain;
}

function unchunked(text: string): string {
  let content = '';
  for (let at = 0; at < text.length; ) {
    const line = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, line), 16);
    content += text.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
  }
  return content;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]|\\/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function unprintable(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
