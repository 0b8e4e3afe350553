// Directives of ngx_http_core_module about answers: files, redirects, error pages, name servers.
import { flag, integer, oneOf, time, word } from '../config/argument.ts';
import type { Context, Directive } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { readAlias, readRoot } from './http-core-root.ts';
import { readErrorPage, readResolver, readTypes } from './http-core-values.ts';

const ALL: readonly Context[] = ['http', 'server', 'location'];
const WITH_IF: readonly Context[] = ['http', 'server', 'location', 'if in location'];

// Files.

export const root = directive({
  name: 'root',
  contexts: WITH_IF,
  arity: [1, 1],
  read: readRoot,
  default: 'html',
  doc: 'The folder of the files; the path of the request is put after it. A relative one stands under the prefix.',
  example: 'root /srv/www;',
  refuses: { 'root $document_root/x;': 'the $document_root variable cannot be used in the "root" directive' },
});

export const alias = directive({
  name: 'alias',
  contexts: ['location'],
  arity: [1, 1],
  read: readAlias,
  doc: "Stands in place of the location's name in the path of the file; in a regex location it is the whole path.",
  example: 'alias /srv/images/;',
  refuses: {
    'alias $realpath_root/x;': 'the $realpath_root variable cannot be used in the "alias" directive',
  },
});

export const types = directive({
  name: 'types',
  contexts: ALL,
  arity: [0, 0],
  opens: 'statements',
  repeat: true,
  read: readTypes,
  doc: 'Media types by the extension of a file name: each line is a type and the extensions that have it.',
  example: 'types { text/html html htm; image/png png; }',
  refuses: { 'types x { text/html html; }': 'invalid number of arguments in "types" directive' },
});

export const defaultType = directive({
  name: 'default_type',
  contexts: ALL,
  args: [word],
  default: 'text/plain',
  doc: 'The media type of a file whose extension is not in types.',
  example: 'default_type application/octet-stream;',
});

export const etag = directive({
  name: 'etag',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Answers from files carry an ETag made of the time of the last change and the length.',
  example: 'etag off;',
  refuses: { 'etag weak;': 'it must be "on" or "off"' },
});

export const ifModifiedSince = directive({
  name: 'if_modified_since',
  contexts: ALL,
  args: [oneOf('off', 'exact', 'before')],
  default: 'exact',
  doc: 'How Last-Modified is compared with If-Modified-Since: not at all, equal, or at most as late.',
  example: 'if_modified_since before;',
  refuses: { 'if_modified_since never;': 'invalid value "never"' },
});

export const maxRanges = directive({
  name: 'max_ranges',
  contexts: ALL,
  args: [integer()],
  doc: 'Most ranges that one request may ask for; one that asks for more gets the whole. 0 turns ranges off.',
  example: 'max_ranges 1;',
  refuses: { 'max_ranges some;': 'invalid number' },
});

export const logNotFound = directive({
  name: 'log_not_found',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'A missing file is written to the error log.',
  example: 'log_not_found off;',
  refuses: { 'log_not_found never;': 'it must be "on" or "off"' },
});

// What an answer looks like.

export const serverTokens = directive({
  name: 'server_tokens',
  contexts: ALL,
  args: [oneOf('off', 'on', 'build')],
  default: 'on',
  doc: 'The version stands in the Server header and under error pages; build is the same as on.',
  example: 'server_tokens off;',
  refuses: { 'server_tokens yes;': 'invalid value "yes"' },
});

export const absoluteRedirect = directive({
  name: 'absolute_redirect',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Redirects of our own name scheme and host; off sends a path alone.',
  example: 'absolute_redirect off;',
  refuses: { 'absolute_redirect yes;': 'it must be "on" or "off"' },
});

export const serverNameInRedirect = directive({
  name: 'server_name_in_redirect',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: "The host in our redirects is the first server_name, not the request's host.",
  example: 'server_name_in_redirect on;',
  refuses: { 'server_name_in_redirect yes;': 'it must be "on" or "off"' },
});

export const portInRedirect = directive({
  name: 'port_in_redirect',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'The port in our redirects is the one that the connection came in by.',
  example: 'port_in_redirect off;',
  refuses: { 'port_in_redirect yes;': 'it must be "on" or "off"' },
});

export const msiePadding = directive({
  name: 'msie_padding',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Error pages for MSIE and old Chrome are made long enough to be shown.',
  example: 'msie_padding off;',
  refuses: { 'msie_padding yes;': 'it must be "on" or "off"' },
});

export const msieRefresh = directive({
  name: 'msie_refresh',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'MSIE gets a refresh in a page in place of a redirect.',
  example: 'msie_refresh on;',
  refuses: { 'msie_refresh yes;': 'it must be "on" or "off"' },
});

export const logSubrequest = directive({
  name: 'log_subrequest',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'Subrequests have lines of their own in the access log.',
  example: 'log_subrequest on;',
  refuses: { 'log_subrequest yes;': 'it must be "on" or "off"' },
});

export const chunkedTransferEncoding = directive({
  name: 'chunked_transfer_encoding',
  contexts: ALL,
  args: [flag],
  default: 'on',
  doc: 'Answers of unknown length are sent in chunks; off closes the connection after them.',
  example: 'chunked_transfer_encoding off;',
  refuses: { 'chunked_transfer_encoding yes;': 'it must be "on" or "off"' },
});

export const errorPage = directive({
  name: 'error_page',
  contexts: WITH_IF,
  arity: [2, Number.POSITIVE_INFINITY],
  repeat: true,
  read: readErrorPage,
  doc: 'Statuses and the URI, named location or address that answers in their place; =code changes the status, = takes the one of the page.',
  example: 'error_page 500 502 503 504 /50x.html;',
  refuses: {
    'error_page 200 /x;': 'value "200" must be between 300 and 599',
    'error_page 499 /x;': 'invalid value "499"',
    'error_page 404 =ok /x;': 'invalid value "=ok"',
    'error_page =200 /x;': 'invalid value "=200"',
  },
});

export const recursiveErrorPages = directive({
  name: 'recursive_error_pages',
  contexts: ALL,
  args: [flag],
  default: 'off',
  doc: 'error_page counts for errors of an error page too.',
  example: 'recursive_error_pages on;',
  refuses: { 'recursive_error_pages yes;': 'it must be "on" or "off"' },
});

// Names.

export const resolver = directive({
  name: 'resolver',
  contexts: ALL,
  arity: [1, Number.POSITIVE_INFINITY],
  read: readResolver,
  doc: 'Name servers for host names that are known only while serving; valid= is how long an answer counts.',
  example: 'resolver 127.0.0.1 [::1]:5353 valid=30s ipv6=off;',
  refuses: {
    'resolver 127.0.0.1 valid=soon;': 'invalid parameter: valid=soon',
    'resolver 127.0.0.1 ipv6=no;': 'invalid parameter: ipv6=no',
    'resolver 127.0.0.1:0;': 'invalid port in resolver "127.0.0.1:0"',
    'resolver valid=30s;': 'no name servers defined',
    'resolver 127.0.0.1 ipv4=off ipv6=off;': '"ipv4" and "ipv6" cannot both be "off"',
  },
});

export const resolverTimeout = directive({
  name: 'resolver_timeout',
  contexts: ALL,
  args: [time],
  default: '30s',
  doc: 'How long a name server may take.',
  example: 'resolver_timeout 5s;',
  refuses: { 'resolver_timeout soon;': '"resolver_timeout" directive invalid value' },
});

const NO_RESOLVE = 'because it serves the "resolve" parameter of "server", which Holdfast does not have';

/** In an upstream block both are about its own servers. */
const upstreamResolvers = [
  directive({
    name: 'resolver',
    contexts: ['upstream'],
    arity: [1, Number.POSITIVE_INFINITY],
    read: readResolver,
    noEffect: NO_RESOLVE,
    doc: "Name servers for the upstream's servers.",
    example: 'resolver 127.0.0.1 valid=30s;',
  }),
  directive({
    name: 'resolver_timeout',
    contexts: ['upstream'],
    args: [time],
    noEffect: NO_RESOLVE,
    doc: 'How long a name server of the upstream may take.',
    example: 'resolver_timeout 5s;',
  }),
];

// biome-ignore lint/suspicious/noExplicitAny: directives of many value types
export const answerDirectives: readonly Directive<any>[] = [
  root,
  alias,
  types,
  defaultType,
  etag,
  ifModifiedSince,
  maxRanges,
  logNotFound,
  serverTokens,
  absoluteRedirect,
  serverNameInRedirect,
  portInRedirect,
  msiePadding,
  msieRefresh,
  logSubrequest,
  chunkedTransferEncoding,
  errorPage,
  recursiveErrorPages,
  resolver,
  resolverTimeout,
  ...upstreamResolvers,
];
