import { afterEach, describe, expect, it } from 'vitest';
import {
  type Balancer,
  balancer,
  type CompileOptions,
  compileText,
  PREFIX,
  planOf,
} from '../../test/support/balancer.ts';
import { headerOf } from '../../test/support/wire-reader.ts';
import type { CoreSettings } from '../plan/core-settings.ts';

/** The settings for `uri` in the one server of a configuration. */
function settings(server: string, uri: string, http = '', options: CompileOptions = {}): CoreSettings {
  const { servers } = planOf(`http { ${http} server { ${server} } }`, options);
  return servers[0]!.tree.find(uri)!.location.core;
}

describe('the settings of a location', () => {
  it("are nginx's defaults where nothing is written", () => {
    expect(settings('location / { }', '/')).toMatchObject({
      clientHeaderTimeoutMs: 60_000,
      headerBufferBytes: 1024,
      largeBuffers: { count: 4, bytes: 8192 },
      headersMax: 1000,
      mergeSlashes: true,
      defaultType: 'text/plain',
      clientMaxBodyBytes: 1_048_576,
      bodyBufferBytes: 8192,
      bodyTempFolder: `${PREFIX}client_body_temp`,
      bodyTempLevels: [],
      keepaliveTimeoutMs: 75_000,
      keepaliveHeaderSeconds: 0,
      keepaliveRequestsMax: 1000,
      keepaliveTimeMs: 3_600_000,
      keepaliveDisableMsie6: true,
      keepaliveDisableSafari: false,
      lingeringClose: 'on',
      lingeringTimeMs: 30_000,
      serverTokens: true,
      absoluteRedirect: true,
      ifModifiedSince: 'exact',
      maxRanges: undefined,
      resolver: undefined,
      satisfyAny: false,
      internal: false,
    });
  });

  it('come from the nearest block that has the directive', () => {
    const server = 'send_timeout 5s; location / { etag off; location /in/ { send_timeout 1s; } }';
    expect(settings(server, '/', 'etag on; default_type x/y;')).toMatchObject({
      sendTimeoutMs: 5000,
      etag: false,
      defaultType: 'x/y',
    });
    expect(settings(server, '/in/', '')).toMatchObject({ sendTimeoutMs: 1000, etag: false });
  });

  it('keep the time of the Keep-Alive header where only the other is written anew', () => {
    const server = 'keepalive_timeout 60s 50s; location / { keepalive_timeout 5s; }';
    expect(settings(server, '/')).toMatchObject({ keepaliveTimeoutMs: 5000, keepaliveHeaderSeconds: 50 });
  });

  it('take root or alias of one block together', () => {
    const server = `
      root /srv;
      location /a/ { alias /al/; location /a/b/ { } location /a/c/ { root /other; } }
      location ~ ^/r(.) { alias /re/$1; }`;
    expect(settings(server, '/a/')).toMatchObject({ aliasNameBytes: 3 });
    expect(settings(server, '/a/b/').alias?.constant).toBe('/al/');
    expect(settings(server, '/a/c/').alias).toBeUndefined();
    expect(settings(server, '/a/c/').root.constant).toBe('/other');
    expect(settings(server, '/rx').aliasNameBytes).toBe(Number.POSITIVE_INFINITY);
  });

  it('put a relative root under the prefix and take its last slash off', () => {
    expect(settings('root html/; location / { }', '/').root.constant).toBe(`${PREFIX}html`);
    expect(settings('location / { root /; }', '/').root.constant).toBe('');
  });

  it('gather types of one block and forget those around it', () => {
    const core = settings('types { a/b X; } types { c/d y z; } location / { }', '/', 'types { e/f w; }');
    expect([...core.types]).toEqual([
      ['x', 'a/b'],
      ['y', 'c/d'],
      ['z', 'c/d'],
    ]);
    expect(settings('location / { types { } }', '/').types.size).toBe(0);
    expect(settings('location / { }', '/').types.get('jpg')).toBe('image/jpeg');
  });

  it('take the first error_page for a status, all from one block', () => {
    const core = settings(
      'error_page 404 /a; error_page 404 500 =200 /b; error_page 494 = /c; error_page 495 /d; location / { }',
      '/',
    );
    expect(
      [...core.errorPages].map(([status, { overwrite, target }]) => [status, overwrite, target.constant]),
    ).toEqual([
      [404, undefined, '/a'],
      [500, 200, '/b'],
      [494, 0, '/c'],
      [495, 400, '/d'],
    ]);
    expect(settings('error_page 404 /a; location / { error_page 500 /b; }', '/').errorPages.has(404)).toBe(
      false,
    );
  });

  it('know the addresses of name servers', () => {
    const options = { names: { 'dns.test': ['127.0.0.2', '::1'] } };
    const { resolver } = settings(
      'resolver dns.test:5353 [::2] valid=10s ipv6=off; location / { resolver_timeout 3s; }',
      '/',
      '',
      options,
    );
    expect(resolver).toEqual({
      servers: [
        { host: '127.0.0.2', port: 5353 },
        { host: '::1', port: 5353 },
        { host: '::2', port: 53 },
      ],
      ipv4: true,
      ipv6: false,
      validMs: 10_000,
      timeoutMs: 3000,
    });
  });

  it('hold levels of a temporary path', () => {
    expect(settings('client_body_temp_path tmp/ 1 2 3; location / { }', '/')).toMatchObject({
      bodyTempFolder: `${PREFIX}tmp`,
      bodyTempLevels: [1, 2, 3],
    });
  });
});

describe('what only several lines together make wrong', () => {
  for (const [text, message] of [
    [
      'location / { root /a; alias /b; }',
      '"alias" directive is duplicate, "root" directive was specified earlier',
    ],
    [
      'location / { alias /b; root /a; }',
      '"root" directive is duplicate, "alias" directive was specified earlier',
    ],
    ['location @n { alias /b; }', 'the "alias" directive cannot be used inside the named location'],
    [
      'large_client_header_buffers 4 256;',
      'the "large_client_header_buffers" size must be equal to or greater than "connection_pool_size"',
    ],
    ['resolver no.such.test;', 'host not found in resolver "no.such.test"'],
    ['location / { root $nope; }', 'unknown "nope" variable'],
  ] as const) {
    it(`is refused: ${text}`, () => {
      const { errors } = compileText(`http { server { ${text} } }`);
      expect(errors.map((error) => error.message)).toEqual([message]);
    });
  }

  it('an extension twice is warned of, and the later type holds', () => {
    const { warnings } = compileText('http { types { a/b x; c/d x; } }');
    expect(warnings.map(({ message }) => message)).toEqual([
      'duplicate extension "x", content type: "c/d", previous content type: "a/b"',
    ]);
  });
});

describe('the variables of http-core', () => {
  let subject: Balancer;

  afterEach(async () => {
    expect(await subject.close()).toEqual([]);
  });

  async function rendered(
    text: string,
    request = 'GET / HTTP/1.1\r\nHost: localhost\r\n',
    server = '',
  ): Promise<string> {
    const files = { '/srv/dir/file': 'x' };
    subject = await balancer(
      `error_log logs/error.log; http { server { listen 127.0.0.1:80; ${server} location / { root /srv; return 200 "${text}"; } } }`,
      { files },
    );
    const client = subject.client(80).expect(request.slice(0, request.indexOf(' ')));
    return (await client.send(`${request}\r\n`).answer()).body;
  }

  for (const [text, expected] of [
    ['$host|$server_name|$server_port|$server_addr|$scheme|$https', 'localhost||80|127.0.0.1|http|'],
    ['$document_root|$request_filename|$realpath_root', '/srv|/srv/|/srv'],
    ['$connection_requests|$pid|$hostname|$nginx_version', '1|4711|balancer.test|1.31.5'],
    ['$proxy_protocol_addr$proxy_protocol_tlv_x', ''],
    ['$tcpinfo_rtt|$tcpinfo_rttvar|$tcpinfo_snd_cwnd|$tcpinfo_rcv_space', '100|50|10|65536'],
    ['$limit_rate|$is_args|$args|$pipe', '0|||.'],
    ['$request_method|$server_protocol|$request', 'GET|HTTP/1.1|GET / HTTP/1.1'],
    ['$request_body|$request_body_file|$content_length|$content_type', '|||'],
  ] as const) {
    it(`${text} is "${expected}"`, async () => {
      expect(await rendered(text)).toBe(expected);
    });
  }

  it('read headers by name, whatever stands for the hyphen', async () => {
    const request = 'GET / HTTP/1.1\r\nHost: x\r\nX-A-B: 1\r\nx-a-b: 2\r\nCookie: a=1\r\nCookie: b=2\r\n';
    expect(await rendered('$http_x_a_b|$http_cookie|$cookie_b|$http_none', request)).toBe('1, 2|a=1; b=2|2|');
  });

  it('give the client as bytes', async () => {
    expect(await rendered('$binary_remote_addr')).toBe('\x7f\0\0\x01');
    await subject.close();
    const server = 'real_ip_header X-Real; set_real_ip_from 127.0.0.1;';
    const request = 'GET / HTTP/1.1\r\nHost: x\r\nX-Real: 2001:db8::ff00:1\r\n';
    expect(await rendered('$binary_remote_addr', request, server)).toBe(
      `\x20\x01\x0d\xb8${'\0'.repeat(8)}\xff\0\0\x01`,
    );
  });

  it('give one request one id', async () => {
    const [one, two] = (await rendered('$request_id $request_id')).split(' ');
    expect(one).toMatch(/^[0-9a-f]{32}$/);
    expect(two).toBe(one);
    const other = await subject.client(80).get('/');
    expect(other.body.slice(0, 32)).not.toBe(one);
  });

  it('know of $limit_rate what was set', async () => {
    expect(await rendered('$limit_rate', undefined, 'set $limit_rate 4k;')).toBe('4096');
    expect(await rendered('$limit_rate', undefined, 'set $limit_rate quick;')).toBe('0');
    expect(subject.errorLog.some((line) => line.includes('invalid $limit_rate "quick"'))).toBe(true);
  });

  it('are what was sent, in a log', async () => {
    subject = await balancer(
      `http {
        log_format f '$status $sent_http_content_type $sent_http_content_length $sent_http_location $sent_http_connection $sent_http_x_y';
        access_log logs/a.log f;
        server { listen 127.0.0.1:80; location / { add_header X-Y 1; add_header X-Y 2; return 302 /moved; } }
      }`,
    );
    await subject.client(80).get('/');
    expect(await subject.line('logs/a.log')).toMatch(
      /^302 text\/html \d+ http:\/\/localhost\/moved keep-alive 1, 2$/,
    );
  });
});

describe('auth_delay', () => {
  it('keeps a 401 waiting, and nothing else', async () => {
    const subject = await balancer(
      `http { server { listen 127.0.0.1:80; auth_delay 2s;
        location / { auth_basic x; auth_basic_user_file htpasswd; }
        location /no { deny all; } } }`,
      { files: { [`${PREFIX}htpasswd`]: '' } },
    );
    const { engine } = subject.stage;
    const start = engine.now();
    expect((await subject.client(80).get('/no')).status).toBe(403);
    expect(engine.now() - start).toBeLessThan(1000);
    const answer = await subject.client(80).get('/');
    expect(answer.status).toBe(401);
    expect(headerOf(answer, 'www-authenticate')).toBe('Basic realm="x"');
    expect(engine.now() - start).toBeGreaterThanOrEqual(2000);
    expect(await subject.close()).toEqual([]);
  });
});
