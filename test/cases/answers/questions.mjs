// What nginx is asked: by the name of a configuration, its files and its requests. Read by record.mjs alone.
import { createHash } from 'node:crypto';

const LAST_MODIFIED = 'Tue, 14 Nov 2023 22:13:20 GMT';
const ETAG = '"6553f100-14"'; // of a.html

/** A request: method, target, header lines, and how it differs from the usual one. */
function ask(target, headers = {}, { method = 'GET', version = '1.1', body } = {}) {
  return { method, target, headers, version, body };
}

function authorization(user, password) {
  return { Authorization: `Basic ${Buffer.from(`${user}:${password}`, 'latin1').toString('base64')}` };
}

function salted(password, salt) {
  const digest = createHash('sha1')
    .update(password + salt)
    .digest();
  return `{SSHA}${Buffer.concat([digest, Buffer.from(salt)]).toString('base64')}`;
}

export const QUESTIONS = {
  static: staticQuestions(),
  guards: guardQuestions(),
  gzip: gzipQuestions(),
  proxy: proxyQuestions(),
};

function staticQuestions() {
  const files = {
    'html/a.html': '0123456789abcdefghij',
    'html/index.html': 'index',
    'html/sub/i.txt': 'itxt',
    'html/sub/index.html': 'subindex',
    'html/sub/deep/x.png': 'png',
    'html/empty.html': '',
    'html/b1.txt': 'b1',
    'html/idx/b1.txt': 'idxb1',
    'html/sp ace/x.html': 'space',
    'html/\xc3\xa9.html': 'eacute',
    'html/abs/d/x': 'x',
    'html/pir/d/x': '',
    'html/snr/d/x': 'x',
    'html/tf/file.html': 'tf',
    'html/tf/dir/index.html': 'tfdir',
    'html/noext': 'n',
    'html/.hidden': 'h',
    'html/UP.PNG': 'up',
    'html/noetag/x.html': 'ne',
    'html/hdr': 'h',
  };
  const paths = `
    / /a.html /nope /nope/ /sub /sub/ /sub?x=1&y /sub/deep /sub/deep/ /empty.html /sp%20ace /sp%20ace/ /sp%20ace/x.html /%C3%A9.html
    /noext /.hidden /UP.PNG /a.html/ /a.html/x /al/i.txt /al/ /al/deep /al /aln /aln/i.txt /aln/ /re/a.html /re/ /re/sub /re/sub/
    /nest/i.txt /nest/in/ /nest/deep /nest/rx/x /var/x?r=html /var/x /noetag/x.html /mr0 /mr1 /idx/ /idx/?x=1 /idx2/ /idx3/ /pub /ret
    /le /abs/d /abs/d?x /pir/d /snr/d /tf/file.html /tf/dir /tf/dir/ /tf/none /tf2/x /tf3/x?y=1 /tf4/i.txt /tf4/none /tf5/i /tf5/none
    /tf6/x /tf7/ /tf7/x /tf8/?a=zz /rw/x /ep/x /ep2/x /ep3/x /ep4/x?q /ep5/x /ep6/x /ep7/x /ep8/x /ep9/x /epa/x /epb/x /epc/x /ret3
    /ret4 /ret5 /ret8 /reta /retb /retc /msie /hdr /sub/../a.html //a.html /a.html? /?`
    .trim()
    .split(/\s+/);
  const requests = [
    ...paths.map((path) => ask(path)),
    ask(`/${'x'.repeat(300)}`),
    ...paths
      .slice(0, 12)
      .flatMap((path) => [ask(path, {}, { method: 'HEAD' }), ask(path, {}, { version: '1.0' })]),
    ...['/', '/a.html', '/sub', '/nope', '/sub/', '/le', '/le2/a.html', '/ep2/x', '/epb/x'].flatMap((path) =>
      ['POST', 'PUT', 'FOO', 'PATCH', 'HEAD'].map((method) =>
        ask(path, { 'Content-Length': '0' }, { method }),
      ),
    ),
    ...rangeQuestions(),
    ...conditionQuestions(),
    ask('/msie', { 'User-Agent': 'Mozilla/4.0 (compatible; MSIE 5.5; Windows)' }),
    ask('/', { Expect: '100-continue', 'Content-Length': '0' }, { method: 'POST' }),
    ask('/ret', { Expect: '100-continue' }),
  ];
  return { files, requests };
}

function rangeQuestions() {
  const ranges = `
    0- 0-3 5-7 -3 -100 100- 3-2 0-0 19-19 20- 0-3,5-6 5-6,0-3 0-3,0-3 0-,0- -1,-2 0-1,100- 100-,200- x 0-3, 0-18446744073709551615
    9223372036854775807- -0 0--1`
    .trim()
    .split(/\s+/);
  const tags = [ETAG, `W/${ETAG}`, '"x"', LAST_MODIFIED, 'Tue, 14 Nov 2023 22:13:21 GMT', 'x', '"'];
  return [
    ...[...ranges, '', ' 0 - 3 ', '0-3, 5-6 ,7-8'].flatMap((range) => [
      ask('/a.html', { Range: `bytes=${range}` }),
      ask('/mr1', { Range: `bytes=${range}` }),
    ]),
    ...tags.map((tag) => ask('/a.html', { Range: 'bytes=0-3', 'If-Range': tag })),
    ask('/mr0', { Range: 'bytes=0-3' }),
    ask('/a.html', { Range: 'bytes=0-3' }, { version: '1.0' }),
    ask('/a.html', { Range: 'bytes=0-3,5-6' }, { method: 'HEAD' }),
    ask('/empty.html', { Range: 'bytes=0-3' }),
    ask('/empty.html', { Range: 'bytes=-3' }),
    ask('/a.html', { Range: 'BYTES=0-3' }),
    ask('/a.html', { Range: 'lines=0-3' }),
    ask('/ret', { Range: 'bytes=0-3' }),
    ask('/noext', { Range: 'bytes=0-0,0-0' }),
  ];
}

function conditionQuestions() {
  const dates = [
    LAST_MODIFIED,
    'Tue, 14 Nov 2023 22:13:21 GMT',
    'Tue, 14 Nov 2023 22:13:19 GMT',
    'Tuesday, 14-Nov-23 22:13:20 GMT',
    'Tue Nov 14 22:13:20 2023',
    'x',
  ];
  const tags = ['*', ETAG, `W/${ETAG}`, `"x", ${ETAG}`, `"x",${ETAG} , "y"`, `${ETAG}x`, '"x"', 'x'];
  return [
    ...dates.flatMap((date) =>
      ['/a.html', '/ims-off', '/ims-before', '/ret', '/nope'].flatMap((path) => [
        ask(path, { 'If-Modified-Since': date }),
        ask(path, { 'If-Unmodified-Since': date }),
      ]),
    ),
    ...tags.flatMap((tag) =>
      ['/a.html', '/ret', '/noetag/x.html'].flatMap((path) => [
        ask(path, { 'If-Match': tag }),
        ask(path, { 'If-None-Match': tag }),
        ask(path, { 'If-None-Match': tag, 'If-Modified-Since': LAST_MODIFIED }),
      ]),
    ),
  ];
}

function guardQuestions() {
  const users = [
    '# comment',
    '',
    'apr:$apr1$rOioh4Wh$HGM7EW8mxDxwPCcAxC/1J1',
    'md5:$1$abcdefgh$XxzGe9Muun7wTYbZO4sdr0:with more',
    'des:rl.3StKT.4T8M',
    'plain:{PLAIN}pass:word',
    'plain2:{PLAIN}foo',
    'sha:{SHA}C+7Hteo/D9vJXQ3UfzxbwnXaijM=',
    `ssha:${salted('foo', 'salt')}`,
    'sshabad:{SSHA}x',
    'ab',
    'abc:{PLAIN}foo',
    'abc:{PLAIN}bar',
    'cr:{PLAIN}foo\r',
    'last:{PLAIN}foo',
  ];
  const pairs = `
    apr:foo apr:bar md5:foo md5:x des:rasmuslerdorf des:rasmusle des:x plain:pass plain:pass:word plain2:foo sha:foo sha:bar ssha:foo
    ssha:bar sshabad:x abc:foo abc:bar cr:foo last:foo last:x nobody:x :x ap:x`
    .trim()
    .split(/\s+/)
    .map((pair) => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)]);
  const basics = ['', ' ', ' x', ' !!!!', '   YXByOmZvbw==', ' YXByOmZvbw', ' YXByOmZvb', ' YXBy'].map(
    (rest) => `Basic${rest}`,
  );
  const files = { htpasswd: users.join('\n'), 'html/index.html': 'index' };
  for (const name of 'off any any2 all realm file ar ar2 ar3 ar4 ar5 ar6 ar7 ar8'.split(' '))
    files[`html/${name}/x`] = name;
  files['html/off/401.html'] = 'page 401';
  const [right, wrong] = [authorization('apr', 'foo'), authorization('apr', 'bar')];
  const post = { method: 'POST' };
  const requests = [
    ...pairs.map(([user, password]) => ask('/index.html', authorization(user, password))),
    ask('/index.html', authorization('plain2', 'foo\0bar')),
    ...[...basics, 'basic YXByOmZvbw==', 'Bearer x'].map((value) => ask('/user/', { Authorization: value })),
    ...[
      '/',
      '/off/x',
      '/realm/x?r="q',
      '/nofile/x',
      '/file/x?f=htpasswd',
      '/any/x',
      '/any2/x',
      '/all/x',
      '/le/',
      '/le3/x',
    ].flatMap((path) => [ask(path), ask(path, right), ask(path, wrong)]),
    ask('/file/x?f=nope', right),
    ...['/le/', '/le3/x'].flatMap((path) => [
      ask(path, { 'Content-Length': '0' }, post),
      ask(path, { 'Content-Length': '0', ...right }, post),
    ]),
    ...['200', '401', '403', '500', '302', ''].map((status) => ask(`/ar/x?st=${status}`)),
    ...'/ar2/x /ar3/x /ar4/x /ar5/x /ar6/x /ar7/x /ar8/x /auth'.split(' ').map((path) => ask(path)),
    ask('/ara/', { 'Content-Length': '5' }, { method: 'POST', body: 'hello' }),
    ask('/user/x?b=1&B=2', { Cookie: 'a; a=1; a=2' }),
    ask('/user/x?c=1&B=2', { Cookie: 'A = 1 ;b=2' }),
    ask('/user/', { Host: 'Example.com:99' }),
  ];
  return { files, requests };
}

function gzipQuestions() {
  const files = {
    'html/index.html': 'index of some length',
    'html/a.html': 'x'.repeat(300),
    'html/b.css': 'css '.repeat(30),
    'html/tiny.html': 'tiny',
  };
  const accept = { 'Accept-Encoding': 'gzip' };
  const paths = `
    /a.html /index.html /tiny.html /b.css /vary/a.html /vary/tiny.html /html/b.css /html/a.html /v10/a.html /gzoff/a.html /ret /short
    /404 /403 /500 /201 /lv/b.css /p/ret /p/b.css /pu/ret`
    .trim()
    .split(/\s+/);
  const encodings = [
    'gzip',
    'GZIP',
    'gzip, deflate',
    'deflate, gzip',
    'deflate,gzip;q=0',
    'gzip;q=0.0',
    'gzip;q=0.001',
    'gzip;q=1',
    'gzip; q=0',
    'gzip;q=2',
    'gzip ; q=0.5',
    'xgzip',
    'xgzipgzip',
    'gzipx',
    '*',
    'gzip;',
    'gzip;q',
    'gzip;q=',
    'gzip;q=0.1234',
    'identity',
    'gzip;x=1',
  ];
  const proxied = `
    /vary/b.css /px/b.css /pxe/b.css /pxn/b.css?cc=no-cache /pxn/b.css?cc=private /pxn/b.css?cc=max-age=3 /pxn/b.css?cc=no-store
    /pxn/b.css /pxl/b.css /p/b.css`
    .trim()
    .split(/\s+/);
  const agents = [
    'BAD thing',
    'Mozilla/4.0 (compatible; MSIE 6.0; Windows)',
    'Mozilla/4.0 (compatible; MSIE 6.0; SV1)',
    'good',
  ];
  const requests = [
    ...paths.flatMap((path) => [
      ask(path, accept),
      ask(path, accept, { version: '1.0' }),
      ask(path, accept, { method: 'HEAD' }),
      ask(path),
    ]),
    ...encodings.map((encoding) => ask('/b.css', { 'Accept-Encoding': encoding })),
    ...proxied.flatMap((path) => [
      ask(path, { ...accept, Via: 'x' }),
      ask(path, { ...accept, Via: 'x', Authorization: 'x' }),
    ]),
    ...agents.map((agent) => ask('/dis/b.css', { ...accept, 'User-Agent': agent })),
    ask('/b.css', { ...accept, Range: 'bytes=0-3' }),
    ask('/b.css', { ...accept, 'If-None-Match': '"6553f100-78"' }),
    ask('/b.css', { ...accept, 'If-None-Match': 'W/"6553f100-78"' }),
  ];
  return { files, requests };
}

function proxyQuestions() {
  const files = { 'html/a.html': '0123456789abcdefghij' };
  const names = ['x', '404', '500', '503', '403', '401', '302', 'rel', 'ref', '204', '304'];
  const requests = [
    ...['p', 'pi', 'pr'].flatMap((place) =>
      names.flatMap((name) => [ask(`/${place}/${name}`), ask(`/${place}/${name}`, {}, { method: 'HEAD' })]),
    ),
    ...['roff', 'rto', 'rrx'].flatMap((place) =>
      ['302', 'rel', 'ref'].map((name) => ask(`/${place}/${name}`)),
    ),
    ...['p', 'ck', 'ck2', 'hide'].map((place) => ask(`/${place}/ck`)),
    ...['/in/a.html', '/in/%61.html', '@named', '@none', '/err', '/in/../x', 'in', '/in/none'].flatMap(
      (target) => ['p', 'ign', 'show'].map((place) => ask(`/${place}/xa?t=${target}`)),
    ),
    ...`/hide/404 /m/x /brk/a%20b?c /brk/a /rx/y?z=1 /rx/ /dead/x?y /p/a%2Fb/../c?d /p//e /p/%e4 /ex/x /ex/404 /ex/302 /ex/204`
      .split(' ')
      .map((target) => ask(target)),
    ask('/p/x', { 'Content-Length': '3' }, { method: 'POST', body: 'abc' }),
    ask('/pi/500', { 'Content-Length': '3' }, { method: 'POST', body: 'abc' }),
    ask('/dead/x', { 'Content-Length': '3' }, { method: 'PUT', body: 'abc' }),
    ...['0-3', '-2', '0-0,5-6', '90-', 'x'].flatMap((range) =>
      ['/p/rg/a.html', '/fr/x', '/ex/rg/a.html'].map((target) => ask(target, { Range: `bytes=${range}` })),
    ),
    ask('/p/rg/a.html', { 'If-None-Match': ETAG }),
    ask('/p/rg/a.html', { 'If-Modified-Since': LAST_MODIFIED }),
    ask('/p/rg/a.html', { Range: 'bytes=0-3', 'If-Range': '"x"' }),
    ...['1.0', '1.1'].map((version) => ask('/ex/x', {}, { version })),
    ask('//a//b', { Host: 'unmerged' }),
  ];
  return { files, requests };
}
