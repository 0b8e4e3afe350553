// What of proxy_pass and its kin is refused when a configuration is compiled, and what blocks inherit.
import { describe, expect, it } from 'vitest';
import { compileText, planOf } from '../../test/support/balancer.ts';
import { renderMistakes } from '../config/explain.ts';
import { httpProxy } from './http-proxy.ts';

/** Beside a server, since nobody meets the settings of http but through one. */
function mistakesOf(http: string): string {
  return renderMistakes(compileText(`http { ${http}\nserver { listen 127.0.0.1:1; } }`).errors, 0);
}

interface Slice {
  readonly settings: {
    readonly nextUpstream: ReadonlySet<string>;
    readonly hideHeaders: ReadonlySet<string>;
  };
  readonly headers: unknown;
  readonly rewrites: { readonly redirects: readonly unknown[] | undefined };
}

/** What the locations of some URIs have, all of one plan. */
function slicesAt(http: string, ...uris: readonly string[]): Slice[] {
  const [server] = planOf(`http { ${http} }`).servers;
  return uris.map((uri) => server?.tree.find(uri)?.location.slices[httpProxy.number] as Slice);
}

function sliceAt(http: string, uri: string): Slice {
  return slicesAt(http, uri)[0] as Slice;
}

const NO_URI = '"proxy_pass" cannot have URI part in location given by regular expression';
const PASS = 'proxy_pass http://127.0.0.1:1';

describe('a configuration', () => {
  const refused: readonly [text: string, message: string][] = [
    [`server { location ~ / { ${PASS}/x; } }`, NO_URI],
    [`server { location @a { ${PASS}/; } }`, NO_URI],
    [`server { location / { if ($uri) { ${PASS}/; } } }`, NO_URI],
    [`server { location / { limit_except GET { ${PASS}/; } } }`, NO_URI],
    [`server { location / { ${PASS}; ${PASS}; } }`, '"proxy_pass" directive is duplicate'],
    [`server { ${PASS}; }`, '"proxy_pass" directive is not allowed here'],
    ['server { location / { proxy_pass http://nowhere; } }', 'host not found in upstream "nowhere"'],
    [
      'server { location / { proxy_pass http://unix:; } }',
      'no path in the unix domain socket in upstream "unix:"',
    ],
    ['proxy_redirect default;', '"proxy_redirect default" should be placed after the "proxy_pass" directive'],
    [
      `server { location / { proxy_redirect default; ${PASS}; } }`,
      '"proxy_redirect default" should be placed after the "proxy_pass" directive',
    ],
    [
      'server { location / { proxy_pass http://$host; proxy_redirect default; } }',
      '"proxy_redirect default" cannot be used with "proxy_pass" directive with variables',
    ],
    ['proxy_redirect off; proxy_redirect off;', '"proxy_redirect" directive is duplicate'],
    ['proxy_redirect a b; proxy_redirect off;', '"proxy_redirect" directive is duplicate'],
    ['proxy_cookie_path off; proxy_cookie_path a b;', '"proxy_cookie_path" directive is duplicate'],
    ['proxy_redirect ~( x;', 'pcre2_compile() failed: missing closing parenthesis in "("'],
    ['proxy_set_header X $nothing;', 'unknown "nothing" variable'],
    ['proxy_buffers 1 4k;', 'there must be at least 2 "proxy_buffers"'],
    [
      'proxy_buffer_size 64k;',
      '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer',
    ],
    ['proxy_busy_buffers_size 1k;', '"proxy_busy_buffers_size" must be equal to or greater than the maximum'],
    [
      'proxy_temp_file_write_size 1k;',
      '"proxy_temp_file_write_size" must be equal to or greater than the maximum',
    ],
    [
      'proxy_max_temp_file_size 1k;',
      '"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage',
    ],
    ['proxy_cache one;', '"proxy_cache" directive is not supported by Holdfast'],
    ['proxy_ssl_verify on;', '"proxy_ssl_verify" directive is not supported by Holdfast'],
    ['proxy_limit_rate 1k;', '"proxy_limit_rate" directive is not supported by Holdfast'],
  ];
  it.each(refused)('%s is refused', (text, message) => {
    expect(mistakesOf(text)).toContain(message);
  });

  const taken = [
    `server { location / { if ($uri) { ${PASS}; } limit_except GET { ${PASS}; } } }`,
    `server { location ~ ^/(?<x>.) { ${PASS}; proxy_redirect ~^/(?<y>.)$ /$x$y; } }`,
    'proxy_max_temp_file_size 0; proxy_buffers 4 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;',
    'server { location /a { proxy_pass http://unix:/s:/uri; } location /b { proxy_pass http://[::1]:8/; } }',
  ];
  it.each(taken)('%s is taken', (text) => {
    expect(mistakesOf(text)).toBe('');
  });
});

describe('a block', () => {
  it('inherits what it does not have itself, each directive for itself', () => {
    const text = `proxy_next_upstream http_500; proxy_hide_header X-A; proxy_pass_header Server;
      server { location /a { ${PASS}; } location /b { ${PASS}; proxy_next_upstream off; proxy_hide_header X-B; } }`;
    const a = sliceAt(text, '/a').settings;
    const b = sliceAt(text, '/b').settings;
    expect([...a.nextUpstream]).toEqual(['http_500']);
    expect([...b.nextUpstream]).toEqual([]);
    expect([a.hideHeaders.has('x-a'), a.hideHeaders.has('server'), a.hideHeaders.has('date')]).toEqual([
      true,
      false,
      true,
    ]);
    expect([b.hideHeaders.has('x-a'), b.hideHeaders.has('x-b'), b.hideHeaders.has('server')]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('gathers the causes of several proxy_next_upstream lines', () => {
    const text = `server { location / { ${PASS}; proxy_next_upstream error; proxy_next_upstream http_503; } }`;
    expect([...sliceAt(text, '/').settings.nextUpstream].sort()).toEqual(['error', 'http_503']);
  });

  it('shares the header lines of the block around it', () => {
    const text = `server { proxy_set_header X y; location /a { ${PASS}; } location /b { ${PASS}; proxy_set_header X z; } location /c { ${PASS}; } }`;
    const [a, b, c] = slicesAt(text, '/a', '/b', '/c');
    expect(a?.headers).toBe(c?.headers);
    expect(a?.headers).not.toBe(b?.headers);
  });

  it('has the redirects of the block around it in place of what its proxy_pass implies', () => {
    const text = `server { proxy_redirect http://a/ /; location / { ${PASS}; location /in { ${PASS}; proxy_redirect off; } } }`;
    expect(sliceAt(text, '/').rewrites.redirects?.length).toBe(1);
    expect(sliceAt(text, '/in').rewrites.redirects).toBeUndefined();
  });
});
