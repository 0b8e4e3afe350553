import { describe, expect, test } from 'vitest';
import {
  errorPage,
  isMsie6,
  isSafari,
  refreshPage,
  shownStatus,
  statusLine,
  wantsPadding,
} from './error-page.ts';

describe('an error page', () => {
  test("has nginx's bytes with our name", () => {
    expect(errorPage(404, 'holdfast/0.1.0')).toBe(
      '<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n' +
        '<hr><center>holdfast/0.1.0</center>\r\n</body>\r\n</html>\r\n',
    );
  });

  test.each([
    [302, '302 Found'],
    [401, '401 Authorization Required'],
    [416, '416 Requested Range Not Satisfiable'],
    [498, '404 Not Found'],
    [507, '507 Insufficient Storage'],
  ])('of %i is headed %s', (status, heading) => {
    expect(errorPage(status, 'x')).toContain(`<title>${heading}</title>`);
  });

  test.each([
    [494, 'Request Header Or Cookie Too Large'],
    [495, 'The SSL certificate error'],
    [496, 'No required SSL certificate was sent'],
    [497, 'The plain HTTP request was sent to HTTPS port'],
  ])('of %i is a 400 with a sentence', (status, sentence) => {
    expect(shownStatus(status)).toBe(400);
    expect(errorPage(status, 'x')).toBe(
      `<html>\r\n<head><title>400 ${sentence}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n` +
        `<center>${sentence}</center>\r\n<hr><center>x</center>\r\n</body>\r\n</html>\r\n`,
    );
  });

  test.each([200, 201, 204, 300, 304, 305, 417, 426, 499, 506, 599])('of %i there is none', (status) => {
    expect(errorPage(status, 'x')).toBe('');
  });

  test('is padded from 400 on', () => {
    const padding = '<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n';
    expect(errorPage(404, 'x', true)).toBe(errorPage(404, 'x') + padding.repeat(6));
    expect(errorPage(301, 'x', true)).toBe(errorPage(301, 'x'));
  });
});

test.each([
  [200, '200 OK'],
  [302, '302 Moved Temporarily'],
  [401, '401 Unauthorized'],
  [408, '408 Request Time-out'],
  [418, '418 '],
  [599, '599 '],
])('the status line of %i', (status, line) => {
  expect(statusLine(status)).toBe(line);
});

test.each([
  ['Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)', true, true, false],
  ['Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)', true, false, false],
  ['Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)', true, false, false],
  ['Opera/9.80 MSIE 6.0; Windows', false, false, false],
  ['Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36', true, false, false],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/17.0 Safari/605.1', false, false, true],
  ['curl/8.0', false, false, false],
])('%s', (agent, padding, msie6, safari) => {
  expect([wantsPadding(agent), isMsie6(agent), isSafari(agent)]).toEqual([padding, msie6, safari]);
});

test('a refresh page escapes its target', () => {
  expect(refreshPage('/a"b')).toBe(
    '<html><head><meta http-equiv="Refresh" content="0; URL=/a%22b"></head><body></body></html>\r\n',
  );
});
