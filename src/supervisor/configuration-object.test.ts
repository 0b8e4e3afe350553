import { describe, expect, it } from 'vitest';
import { parseText } from '../config/tree.ts';
import { configurationText, type Directives } from './configuration-object.ts';

/** The text without its layout. */
function words(directives: Directives): string {
  return configurationText(directives).replace(/\s+/g, ' ').trim();
}

describe('a configuration as an object', () => {
  it.each<[Directives, string]>([
    [{ worker_shutdown_timeout: '5m' }, 'worker_shutdown_timeout 5m;'],
    [{ http: { gzip: true, etag: false } }, 'http { gzip on; etag off; }'],
    [{ client_max_body_size: 0 }, 'client_max_body_size 0;'],
    [{ return: [200, 'hello you'] }, 'return 200 "hello you";'],
    [
      {
        proxy_set_header: [
          ['Host', '$host'],
          ['X', ''],
        ],
      },
      'proxy_set_header Host "$host"; proxy_set_header X "";',
    ],
    [{ server: [{ listen: 80 }, { listen: 81 }] }, 'server { listen 80; } server { listen 81; }'],
    [
      { server: { listen: [['80', 'default_server'], [81]] } },
      'server { listen 80 default_server; listen 81; }',
    ],
    [
      { upstream: { app: { server: [['127.0.0.1:1', 'weight=2'], ['127.0.0.1:2']] } } },
      'upstream app { server 127.0.0.1:1 weight=2; server 127.0.0.1:2; }',
    ],
    [
      { location: { '/': { internal: true }, '= /x': {}, '~ \\.php$': { internal: false } } },
      'location / { internal; } location = /x { } location ~ "\\\\.php$" { }',
    ],
    [
      { map: { '$http_upgrade $connection_upgrade': { default: 'upgrade', '': 'close', hostnames: [] } } },
      'map "$http_upgrade" "$connection_upgrade" { default upgrade; "" close; hostnames; }',
    ],
    [{ if: { '($a = "b")': { return: 403 } } }, 'if "($a" = "\\"b\\")" { return 403; }'],
    [{ events: {}, absent: undefined }, 'events { }'],
    [{ add_header: ['X', 'ü;"\\'] }, 'add_header X "ü;\\"\\\\";'],
  ])('%j', (directives, text) => {
    expect(words(directives)).toBe(text);
  });

  it('reads back as what was meant', () => {
    const strange = ['', ' ', '"', "'", '\\', '\\n', ';', '{', '}', '#', '#@', '$x', '\x24{x}', 'a b', 'ü'];
    const { statements, errors } = parseText(configurationText({ add_header: strange }));
    expect(errors).toEqual([]);
    expect(statements[0]?.words.map(({ text }) => text)).toEqual(strange);
  });

  it('says what is no block', () => {
    expect(() => configurationText({ location: { '/': 'x' } })).toThrow(
      new TypeError('"location /" must be an object of directives'),
    );
  });
});
