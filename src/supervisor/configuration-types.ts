// The shapes of a configuration as an object: which directive may stand in which block, and what it takes.
// Written by `npm run docs` from the directives' declarations; edit it there.

/** One word of a directive; `true` and `false` are on and off. */
export type ConfigWord = string | number | boolean;

/**
 * What stands behind a directive's name. A string is read as in the file: `'Connection "upgrade"'` are two words. A list is the
 * directive several times, and a list in it one line's words as they are: `[['Connection', 'upgrade'], 'Host $host']`. A directive
 * without words is `true`.
 */
export type ConfigLines = ConfigWord | readonly (ConfigWord | readonly ConfigWord[])[];

/** A block, or several. */
export type ConfigBlocks<Block> = Block | readonly Block[];

/** Blocks by the words before their brace: `location: { '/': { … }, '~ \\.php$': { … } }`. */
export interface ConfigKeyed<Block> {
  readonly [words: string]: Block | readonly Block[] | undefined;
}

/** A block whose lines are no directives: in `map` and `types`. */
export interface ConfigStatements {
  readonly [name: string]: ConfigLines | undefined;
}

export interface InAnyBlock {
  /** Reads a file, or all files that a pattern matches, in its place. */
  readonly include?: ConfigLines | undefined;
}

/** A whole configuration. */
export interface ConfigurationObject extends InAnyBlock, InMain, InMainHttpServerLocation {}

/** `events { … }` */
export interface EventsBlock extends InAnyBlock, InEvents {}

/** `http { … }` */
export interface HttpBlock
  extends InAnyBlock,
    InHttp,
    InHttpServer,
    InHttpServerLocation,
    InHttpServerLocationIfInLocation,
    InMainHttpServerLocation,
    InHttpServerLocationIfInServerIfInLocation,
    InHttpServerLocationLimitExcept,
    InHttpServerLocationIfInLocationLimitExcept {}

/** `server { … }` in http */
export interface ServerBlock
  extends InAnyBlock,
    InServer,
    InServerLocation,
    InHttpServer,
    InHttpServerLocation,
    InHttpServerLocationIfInLocation,
    InMainHttpServerLocation,
    InServerLocationIfInServerIfInLocation,
    InHttpServerLocationIfInServerIfInLocation,
    InHttpServerLocationLimitExcept,
    InHttpServerLocationIfInLocationLimitExcept {}

/** `location … { … }` */
export interface LocationBlock
  extends InAnyBlock,
    InServerLocation,
    InHttpServerLocation,
    InLocation,
    InHttpServerLocationIfInLocation,
    InMainHttpServerLocation,
    InServerLocationIfInServerIfInLocation,
    InHttpServerLocationIfInServerIfInLocation,
    InHttpServerLocationLimitExcept,
    InLocationIfInLocationLimitExcept,
    InHttpServerLocationIfInLocationLimitExcept {}

/** `upstream … { … }` */
export interface UpstreamBlock extends InAnyBlock, InUpstream {}

/** `if (…) { … }` in a server */
export interface IfInServerBlock
  extends InAnyBlock,
    InServerLocationIfInServerIfInLocation,
    InHttpServerLocationIfInServerIfInLocation {}

/** `if (…) { … }` in a location */
export interface IfInLocationBlock
  extends InAnyBlock,
    InHttpServerLocationIfInLocation,
    InServerLocationIfInServerIfInLocation,
    InHttpServerLocationIfInServerIfInLocation,
    InLocationIfInLocationLimitExcept,
    InHttpServerLocationIfInLocationLimitExcept {}

/** `limit_except … { … }` */
export interface LimitExceptBlock
  extends InAnyBlock,
    InHttpServerLocationLimitExcept,
    InLocationIfInLocationLimitExcept,
    InHttpServerLocationIfInLocationLimitExcept {}

export interface InMain {
  /** What nginx does when it finds itself at fault. Accepted without effect. */
  readonly debug_points?: ConfigLines | undefined;
  /** How connections are processed. Holdfast accepts a file without this block. */
  readonly events?: ConfigBlocks<EventsBlock> | undefined;
  /** The block of everything about HTTP. */
  readonly http?: ConfigBlocks<HttpBlock> | undefined;
  /** The file of nginx's accept mutex. Accepted without effect. */
  readonly lock_file?: ConfigLines | undefined;
  /** Regular expressions are compiled to machine code. Accepted without effect. */
  readonly pcre_jit?: ConfigLines | undefined;
  /** Threads that read files. Accepted without effect. */
  readonly thread_pool?: ConfigLines | undefined;
  /** How often the time is asked for. Accepted without effect. */
  readonly timer_resolution?: ConfigLines | undefined;
  /** Binds workers to cores. Accepted without effect. */
  readonly worker_cpu_affinity?: ConfigLines | undefined;
  /** The nice value of workers; lower ones get more of the processor. Default: `0`. */
  readonly worker_priority?: ConfigLines | undefined;
  /** Largest core file of a worker. Accepted without effect. */
  readonly worker_rlimit_core?: ConfigLines | undefined;
  /** Most descriptors that a worker may have open. */
  readonly worker_rlimit_nofile?: ConfigLines | undefined;
  /** After so long a graceful shutdown or a reload closes what is still open of before. */
  readonly worker_shutdown_timeout?: ConfigLines | undefined;
  /** The folder of core files. Accepted without effect. */
  readonly working_directory?: ConfigLines | undefined;
}

export interface InHttp {
  /** Memory for the counters of one limit: the key to count by, zone= its name and size, rate= in requests a second (r/s) or a minute (r/m). A megabyte holds about 16,000 addresses. */
  readonly limit_req_zone?: ConfigLines | undefined;
  /** Names a format of lines for access_log. escape=json writes values as they stand in JSON strings, escape=none as they are; otherwise quotes, backslashes and all bytes beyond printable ASCII are written as \xHH. */
  readonly log_format?: ConfigLines | undefined;
  /** Makes the variable of the second parameter; its value is that beside the first of the block’s parameters that matches the first parameter. */
  readonly map?: ConfigKeyed<ConfigStatements> | undefined;
  /** Size in bytes of a bucket in nginx’s hash tables of maps. Accepted without effect. Default: `64`. */
  readonly map_hash_bucket_size?: ConfigLines | undefined;
  /** Size of nginx’s hash tables of maps. Accepted without effect. Default: `2048`. */
  readonly map_hash_max_size?: ConfigLines | undefined;
  /** One virtual server: the addresses it listens on, its names and its locations. */
  readonly server?: ConfigBlocks<ServerBlock> | undefined;
  /** Sizes one of nginx's hash tables. Accepted without effect. Default: `64`. */
  readonly server_names_hash_bucket_size?: ConfigLines | undefined;
  /** Sizes one of nginx's hash tables. Accepted without effect. Default: `512`. */
  readonly server_names_hash_max_size?: ConfigLines | undefined;
  /** A named group of servers that proxy_pass can pass requests to. */
  readonly upstream?: ConfigKeyed<UpstreamBlock> | undefined;
  /** Sizes one of nginx's hash tables. Accepted without effect. Default: `64`. */
  readonly variables_hash_bucket_size?: ConfigLines | undefined;
  /** Sizes one of nginx's hash tables. Accepted without effect. Default: `1024`. */
  readonly variables_hash_max_size?: ConfigLines | undefined;
}

export interface InServer {
  /** What stands inside holds for requests for which the condition is true. */
  readonly if?: ConfigKeyed<IfInServerBlock> | undefined;
  /** An address on which the server takes connections: `80`, `127.0.0.1:8080`, `[::1]:80`, `unix:/run/app.sock`; `8000-8010` is eleven ports. */
  readonly listen?: ConfigLines | undefined;
  /** Names of the server: exact, `*.example.com`, `.example.com`, `www.example.*`, `~^regex$`, `""` for requests without a host, or `$hostname`. */
  readonly server_name?: ConfigLines | undefined;
}

export interface InServerLocation {
  /** Settings for requests by URI: a prefix, `=` exact, `^~` a prefix that regular expressions do not override, `~` and `~*` regular expressions, `@name`. */
  readonly location?: ConfigKeyed<LocationBlock> | undefined;
  /** Files (and folders, written with a slash at the end) that are tried in turn; the last word is a URI, @location or =status for when none is there. */
  readonly try_files?: ConfigLines | undefined;
}

export interface InHttpServer {
  /** Bytes that the head of a request may have before large_client_header_buffers are taken. Default: `1k`. */
  readonly client_header_buffer_size?: ConfigLines | undefined;
  /** How long a client may take to send the head of a request; then 408 and the connection is closed. Default: `60s`. */
  readonly client_header_timeout?: ConfigLines | undefined;
  /** Bytes of nginx's memory pool for a connection. Accepted without effect. Default: `512`. */
  readonly connection_pool_size?: ConfigLines | undefined;
  /** Header lines whose names hold other characters than letters, digits and hyphens are left out of the request. Default: `on`. */
  readonly ignore_invalid_headers?: ConfigLines | undefined;
  /** Number and size of the buffers for a long request line or long header lines; a longer line gets 414 or 400. Default: `4 8k`. */
  readonly large_client_header_buffers?: ConfigLines | undefined;
  /** Most header lines that a request may have; one with more gets 400. Default: `1000`. */
  readonly max_headers?: ConfigLines | undefined;
  /** Several slashes in a row in a path count as one when the location is chosen. Default: `on`. */
  readonly merge_slashes?: ConfigLines | undefined;
  /** Bytes of nginx's memory pool for a request. Accepted without effect. Default: `4k`. */
  readonly request_pool_size?: ConfigLines | undefined;
  /** An underscore in a header name is valid too. Default: `off`. */
  readonly underscores_in_headers?: ConfigLines | undefined;
}

export interface InHttpServerLocation {
  /** Redirects of our own name scheme and host; off sends a path alone. Default: `on`. */
  readonly absolute_redirect?: ConfigLines | undefined;
  /** Files are read by other threads. Accepted without effect. Default: `off`. */
  readonly aio?: ConfigLines | undefined;
  /** Temporary files are written by other threads. Accepted without effect. Default: `off`. */
  readonly aio_write?: ConfigLines | undefined;
  /** How long a request that gets 401 for its password or from auth_request waits for that answer. Default: `0s`. */
  readonly auth_delay?: ConfigLines | undefined;
  /** The URI that is asked, with the headers of the request, whether it may pass; off asks nobody. Default: `off`. */
  readonly auth_request?: ConfigLines | undefined;
  /** Sets a variable of the request to what the value is in the one that was asked, once that has ended. */
  readonly auth_request_set?: ConfigLines | undefined;
  /** Answers of unknown length are sent in chunks; off closes the connection after them. Default: `on`. */
  readonly chunked_transfer_encoding?: ConfigLines | undefined;
  /** Bytes of a body that are held in memory; what is longer goes to a temporary file. Default: `8k`. */
  readonly client_body_buffer_size?: ConfigLines | undefined;
  /** Every body goes to a file, which stays there (on) or is removed after the request (clean). Default: `off`. */
  readonly client_body_in_file_only?: ConfigLines | undefined;
  /** A body up to client_body_buffer_size is kept in one piece, so that $request_body costs no copy. Default: `off`. */
  readonly client_body_in_single_buffer?: ConfigLines | undefined;
  /** The folder of temporary files for bodies, and how many digits of a file number name each of up to three levels under it. Default: `client_body_temp`. */
  readonly client_body_temp_path?: ConfigLines | undefined;
  /** Longest silence of a client between two reads of its body; then 408. Default: `60s`. */
  readonly client_body_timeout?: ConfigLines | undefined;
  /** Most bytes that the body of a request may have; more gets 413. 0 sets no limit. Default: `1m`. */
  readonly client_max_body_size?: ConfigLines | undefined;
  /** The media type of a file whose extension is not in types. Default: `text/plain`. */
  readonly default_type?: ConfigLines | undefined;
  /** Files from this size on are read past the system's cache. Accepted without effect. Default: `off`. */
  readonly directio?: ConfigLines | undefined;
  /** How reads past the cache are aligned. Accepted without effect. Default: `512`. */
  readonly directio_alignment?: ConfigLines | undefined;
  /** Answers from files carry an ETag made of the time of the last change and the length. Default: `on`. */
  readonly etag?: ConfigLines | undefined;
  /** Packed bytes are gathered up to the size of one buffer before they are sent; their number does not matter. Default: `32 4k`. */
  readonly gzip_buffers?: ConfigLines | undefined;
  /** How hard to pack: 1 is fast, 9 is small. Default: `1`. */
  readonly gzip_comp_level?: ConfigLines | undefined;
  /** Browsers that get no packed answers: regular expressions over User-Agent, or msie6. */
  readonly gzip_disable?: ConfigLines | undefined;
  /** zlib's hash. Default: `64k`. */
  readonly gzip_hash?: ConfigLines | undefined;
  /** Least HTTP version of a request whose answer is packed. Default: `1.1`. */
  readonly gzip_http_version?: ConfigLines | undefined;
  /** Shorter answers are sent as they are; the length is that of Content-Length. Default: `20`. */
  readonly gzip_min_length?: ConfigLines | undefined;
  /** Packed bytes are sent as zlib makes them. Default: `off`. */
  readonly gzip_no_buffer?: ConfigLines | undefined;
  /** Which answers to requests with a Via header are packed: none, all, or those that a cache will not keep. Default: `off`. */
  readonly gzip_proxied?: ConfigLines | undefined;
  /** Media types of answers that are packed, text/html always; * is every type. Default: `text/html`. */
  readonly gzip_types?: ConfigLines | undefined;
  /** Answers that may be packed carry "Vary: Accept-Encoding". Default: `off`. */
  readonly gzip_vary?: ConfigLines | undefined;
  /** zlib's window. Default: `32k`. */
  readonly gzip_window?: ConfigLines | undefined;
  /** How Last-Modified is compared with If-Modified-Since: not at all, equal, or at most as late. Default: `exact`. */
  readonly if_modified_since?: ConfigLines | undefined;
  /** Files that are tried in turn for a URI that ends with a slash; the last may be a path from the root of the server. Default: `index.html`. */
  readonly index?: ConfigLines | undefined;
  /** Browsers whose connections are not kept: old MSIE after a POST, old Safari always. Default: `msie6`. */
  readonly keepalive_disable?: ConfigLines | undefined;
  /** How long an idle client connection is kept at least when workers shut down, so that no request on its way is lost. Default: `0`. */
  readonly keepalive_min_timeout?: ConfigLines | undefined;
  /** Most requests on one client connection; after the last of them it is closed. Default: `1000`. */
  readonly keepalive_requests?: ConfigLines | undefined;
  /** How old a client connection may be; after the request during which it grows older it is closed. Default: `1h`. */
  readonly keepalive_time?: ConfigLines | undefined;
  /** How long a client connection stays open without a request; 0 closes it after each. A second time is told in the Keep-Alive header. Default: `75s`. */
  readonly keepalive_timeout?: ConfigLines | undefined;
  /** Limits requests by the zone of that name. Up to burst= requests over the rate wait their turn, with delay= only those beyond that many, with nodelay none; what exceeds burst is refused. */
  readonly limit_req?: ConfigLines | undefined;
  /** With on, requests are counted and logged, and none is refused or made to wait. Default: `off`. */
  readonly limit_req_dry_run?: ConfigLines | undefined;
  /** The level at which a refused request is logged; one that waits is logged one level lower. Default: `error`. */
  readonly limit_req_log_level?: ConfigLines | undefined;
  /** The status of a refused request. Default: `503`. */
  readonly limit_req_status?: ConfigLines | undefined;
  /** Before a connection is closed what the client still sends is read away: never, when it may be sending, always. Default: `on`. */
  readonly lingering_close?: ConfigLines | undefined;
  /** Longest time in which data is read away before a connection is closed. Default: `30s`. */
  readonly lingering_time?: ConfigLines | undefined;
  /** Longest silence of a client whose data is being read away. Default: `5s`. */
  readonly lingering_timeout?: ConfigLines | undefined;
  /** A missing file is written to the error log. Default: `on`. */
  readonly log_not_found?: ConfigLines | undefined;
  /** Subrequests have lines of their own in the access log. Default: `off`. */
  readonly log_subrequest?: ConfigLines | undefined;
  /** Most ranges that one request may ask for; one that asks for more gets the whole. 0 turns ranges off. */
  readonly max_ranges?: ConfigLines | undefined;
  /** Error pages for MSIE and old Chrome are made long enough to be shown. Default: `on`. */
  readonly msie_padding?: ConfigLines | undefined;
  /** MSIE gets a refresh in a page in place of a redirect. Default: `off`. */
  readonly msie_refresh?: ConfigLines | undefined;
  /** Open files, their lengths and dates are remembered. Accepted without effect. Default: `off`. */
  readonly open_file_cache?: ConfigLines | undefined;
  /** Missing files are remembered too. Accepted without effect. Default: `off`. */
  readonly open_file_cache_errors?: ConfigLines | undefined;
  /** The system tells when a remembered file changes. Accepted without effect. Default: `off`. */
  readonly open_file_cache_events?: ConfigLines | undefined;
  /** How often a file must be asked for to stay open. Accepted without effect. Default: `1`. */
  readonly open_file_cache_min_uses?: ConfigLines | undefined;
  /** How long what is remembered of a file counts. Accepted without effect. Default: `60`. */
  readonly open_file_cache_valid?: ConfigLines | undefined;
  /** Keeps logs whose names have variables open: max= of them, each until inactive= (10s) without a line, opened anew every valid= (60s), after min_uses= (1) lines. Default: `off`. */
  readonly open_log_file_cache?: ConfigLines | undefined;
  /** Number and size of the buffers for reading files. Accepted without effect. Default: `2 32k`. */
  readonly output_buffers?: ConfigLines | undefined;
  /** The port in our redirects is the one that the connection came in by. Default: `on`. */
  readonly port_in_redirect?: ConfigLines | undefined;
  /** Bytes that are gathered before packing begins. Accepted without effect. Default: `0`. */
  readonly postpone_gzipping?: ConfigLines | undefined;
  /** Bytes that are gathered before they are sent. Accepted without effect. Default: `1460`. */
  readonly postpone_output?: ConfigLines | undefined;
  /** The local address of connections to servers; off or an empty value: the system chooses. */
  readonly proxy_bind?: ConfigLines | undefined;
  /** The most that an answer's head may have; more: 502. Default: `4k`. */
  readonly proxy_buffer_size?: ConfigLines | undefined;
  /** Whether answers are read as fast as the server sends and kept for a slow client; off: at the client's pace. X-Accel-Buffering of an answer decides for it. Default: `on`. */
  readonly proxy_buffering?: ConfigLines | undefined;
  /** How much of an answer is kept in memory for a slow client: a number of buffers and each one's size. Default: `8 4k`. */
  readonly proxy_buffers?: ConfigLines | undefined;
  /** In nginx the part of the buffers that may be busy sending while the answer is not yet whole. Accepted without effect. */
  readonly proxy_busy_buffers_size?: ConfigLines | undefined;
  /** In nginx the zone in which answers are cached. Only off is taken. Accepted without effect. */
  readonly proxy_cache?: ConfigLines | undefined;
  /** In nginx when an answer is not taken from the cache; it stands in many files that proxy WebSockets, without one. Accepted without effect. */
  readonly proxy_cache_bypass?: ConfigLines | undefined;
  /** How long a connection to a server may take to be made; then 504 or the next server. Default: `60s`. */
  readonly proxy_connect_timeout?: ConfigLines | undefined;
  /** Changes the domain of cookies in answers, where it is the one written or a regular expression (`~`) matches it. */
  readonly proxy_cookie_domain?: ConfigLines | undefined;
  /** Flags of cookies in answers, by name or regular expression (`~`): secure, httponly, samesite=strict|lax|none are set, nosecure, nohttponly, nosamesite removed. */
  readonly proxy_cookie_flags?: ConfigLines | undefined;
  /** Changes what the path of cookies in answers begins with, or what of it a regular expression (`~`, `~*`) matches. */
  readonly proxy_cookie_path?: ConfigLines | undefined;
  /** Whether parts of an answer are given to a client that asks for them whatever its Accept-Ranges says. Default: `off`. */
  readonly proxy_force_ranges?: ConfigLines | undefined;
  /** In nginx the size of a table of header names. Accepted without effect. */
  readonly proxy_headers_hash_bucket_size?: ConfigLines | undefined;
  /** In nginx the size of a table of header names. Accepted without effect. */
  readonly proxy_headers_hash_max_size?: ConfigLines | undefined;
  /** A header of answers that is not passed to clients. */
  readonly proxy_hide_header?: ConfigLines | undefined;
  /** The version of HTTP that servers are spoken to in. Default: `1.1`. */
  readonly proxy_http_version?: ConfigLines | undefined;
  /** Whether the server's answer is waited for when the client has gone. Default: `off`. */
  readonly proxy_ignore_client_abort?: ConfigLines | undefined;
  /** Headers of answers that are not obeyed. */
  readonly proxy_ignore_headers?: ConfigLines | undefined;
  /** Whether answers of 300 and above for which there is an error_page give way to it. Default: `off`. */
  readonly proxy_intercept_errors?: ConfigLines | undefined;
  /** How much of an answer goes to a temporary file once its buffers are full; 0: none, the server then waits for the client. Default: `1024m`. */
  readonly proxy_max_temp_file_size?: ConfigLines | undefined;
  /** The method of requests to servers, in place of the client's. */
  readonly proxy_method?: ConfigLines | undefined;
  /** After what the next server is asked: a failed connection (error), silence (timeout), an answer that cannot be read (invalid_header) or has that status; with non_idempotent also for requests that change something and were sent; off: never. Default: `error timeout`. */
  readonly proxy_next_upstream?: ConfigLines | undefined;
  /** How long after the first server a further one may be asked; 0: without limit. Default: `0`. */
  readonly proxy_next_upstream_timeout?: ConfigLines | undefined;
  /** How many servers are asked at most; 0: all of them. Default: `0`. */
  readonly proxy_next_upstream_tries?: ConfigLines | undefined;
  /** In nginx when an answer is not put into the cache. Accepted without effect. */
  readonly proxy_no_cache?: ConfigLines | undefined;
  /** A header of answers that is passed to clients though it is usually hidden: Date, Server, X-Pad, X-Accel-…. */
  readonly proxy_pass_header?: ConfigLines | undefined;
  /** Whether the client's body is passed to servers. Off: no body is sent, and no length is announced for it. Default: `on`. */
  readonly proxy_pass_request_body?: ConfigLines | undefined;
  /** Whether the client's header lines are passed to servers. Default: `on`. */
  readonly proxy_pass_request_headers?: ConfigLines | undefined;
  /** Whether the lines after the last chunk of an answer are passed to clients, and known as `$upstream_trailer_name`. Default: `off`. */
  readonly proxy_pass_trailers?: ConfigLines | undefined;
  /** Longest silence of the server between two reads; then 504. In a tunnel every byte counts, pings too. Default: `60s`. */
  readonly proxy_read_timeout?: ConfigLines | undefined;
  /** Changes what Location and Refresh of an answer begin with, or what of them a regular expression (`~`, `~*`) matches. default: what proxy_pass names becomes the location's prefix. off: nothing is changed. */
  readonly proxy_redirect?: ConfigLines | undefined;
  /** Whether the client's body is read whole before a server is asked; off: it is passed on as it comes, and then to one server only. Default: `on`. */
  readonly proxy_request_buffering?: ConfigLines | undefined;
  /** In nginx on FreeBSD the least that is sent to a server at a time. Accepted without effect. */
  readonly proxy_send_lowat?: ConfigLines | undefined;
  /** Longest time between two writes to the server while it takes nothing; then 504. In a tunnel: how long the client may be silent while the server is too. Default: `60s`. */
  readonly proxy_send_timeout?: ConfigLines | undefined;
  /** The body of requests to servers, in place of the client's. */
  readonly proxy_set_body?: ConfigLines | undefined;
  /** A header line of requests to servers, in place of the client's of that name; an empty value sends none. A block with any of these inherits none. */
  readonly proxy_set_header?: ConfigLines | undefined;
  /** TCP keepalive on connections to servers. Default: `off`. */
  readonly proxy_socket_keepalive?: ConfigLines | undefined;
  /** In nginx where answers are kept as files. Only off is taken. Accepted without effect. */
  readonly proxy_store?: ConfigLines | undefined;
  /** In nginx how much is written to a temporary file at a time. Accepted without effect. */
  readonly proxy_temp_file_write_size?: ConfigLines | undefined;
  /** The folder of temporary files for answers, and how many digits of a file number name each of up to three levels under it. Default: `proxy_temp 1 2`. */
  readonly proxy_temp_path?: ConfigLines | undefined;
  /** How far ahead the system reads files. Accepted without effect. Default: `0`. */
  readonly read_ahead?: ConfigLines | undefined;
  /** The header that names the client: its value, or the last address in X-Forwarded-For; proxy_protocol takes it from the PROXY protocol. Default: `X-Real-IP`. */
  readonly real_ip_header?: ConfigLines | undefined;
  /** With on, the last address that is not itself one of the trusted proxies is taken. Default: `off`. */
  readonly real_ip_recursive?: ConfigLines | undefined;
  /** error_page counts for errors of an error page too. Default: `off`. */
  readonly recursive_error_pages?: ConfigLines | undefined;
  /** A connection that timed out, or is closed by 444, is reset, so that the system forgets it at once. Default: `off`. */
  readonly reset_timedout_connection?: ConfigLines | undefined;
  /** Name servers for host names that are known only while serving; valid= is how long an answer counts. */
  readonly resolver?: ConfigLines | undefined;
  /** How long a name server may take. Default: `30s`. */
  readonly resolver_timeout?: ConfigLines | undefined;
  /** Whether all of access, auth_basic and auth_request must allow a request, or any one of them is enough. Default: `all`. */
  readonly satisfy?: ConfigLines | undefined;
  /** Least room for a send. Accepted without effect. Default: `0`. */
  readonly send_lowat?: ConfigLines | undefined;
  /** Longest time in which a client takes nothing of an answer; then the connection is closed. Default: `60s`. */
  readonly send_timeout?: ConfigLines | undefined;
  /** Most bytes of one sendfile call. Accepted without effect. Default: `2m`. */
  readonly sendfile_max_chunk?: ConfigLines | undefined;
  /** The host in our redirects is the first server_name, not the request's host. Default: `off`. */
  readonly server_name_in_redirect?: ConfigLines | undefined;
  /** The version stands in the Server header and under error pages; build is the same as on. Default: `on`. */
  readonly server_tokens?: ConfigLines | undefined;
  /** Proxies in front whose word about the client’s address is believed: an address, a block, unix: or a host. */
  readonly set_real_ip_from?: ConfigLines | undefined;
  /** Most bytes of a subrequest whose body is kept in memory. Accepted without effect. Default: `4k`. */
  readonly subrequest_output_buffer_size?: ConfigLines | undefined;
  /** Small pieces are sent at once, not gathered by the system. Default: `on`. */
  readonly tcp_nodelay?: ConfigLines | undefined;
  /** Head and file begin in one packet. Accepted without effect. Default: `off`. */
  readonly tcp_nopush?: ConfigLines | undefined;
  /** Media types by the extension of a file name: each line is a type and the extensions that have it. */
  readonly types?: ConfigBlocks<ConfigStatements> | undefined;
  /** Sizes one of nginx's hash tables. Accepted without effect. Default: `64`. */
  readonly types_hash_bucket_size?: ConfigLines | undefined;
  /** Sizes one of nginx's hash tables. Accepted without effect. Default: `1024`. */
  readonly types_hash_max_size?: ConfigLines | undefined;
}

export interface InLocation {
  /** Stands in place of the location's name in the path of the file; in a regex location it is the whole path. */
  readonly alias?: ConfigLines | undefined;
  /** What stands inside holds for requests for which the condition is true. */
  readonly if?: ConfigKeyed<IfInLocationBlock> | undefined;
  /** Only internal requests reach the location (error_page, index, try_files, rewrite, X-Accel-Redirect, subrequests); others get 404. */
  readonly internal?: ConfigLines | undefined;
  /** The block holds for requests with other methods than those named; GET stands for HEAD too. */
  readonly limit_except?: ConfigKeyed<LimitExceptBlock> | undefined;
}

export interface InHttpServerLocationIfInLocation {
  /** Adds a header to answers with 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308, with always to all. A block with one of its own takes none from the block around it, unless add_header_inherit says so. */
  readonly add_header?: ConfigLines | undefined;
  /** Whether a block takes the add_header of the block around it: on where it has none of its own, merge in addition to them, off never. Default: `on`. */
  readonly add_header_inherit?: ConfigLines | undefined;
  /** Adds a field to the end of answers that are sent in chunks, for the statuses that add_header names. */
  readonly add_trailer?: ConfigLines | undefined;
  /** Whether a block takes the add_trailer of the block around it: on where it has none of its own, merge in addition to them, off never. Default: `on`. */
  readonly add_trailer_inherit?: ConfigLines | undefined;
  /** Statuses and the URI, named location or address that answers in their place; =code changes the status, = takes the one of the page. */
  readonly error_page?: ConfigLines | undefined;
  /** Sets Expires and Cache-Control: a time from the request on, with modified from the file’s own time, @ at a time of the day; epoch, max or off. Variables may hold any of these. Default: `off`. */
  readonly expires?: ConfigLines | undefined;
  /** Answers are packed for clients that accept it. Default: `off`. */
  readonly gzip?: ConfigLines | undefined;
  /** Bytes a second that a client is sent of an answer at most; 0 sets no limit. $limit_rate and X-Accel-Limit-Rate change it. */
  readonly limit_rate?: ConfigLines | undefined;
  /** Bytes of an answer that are sent before limit_rate counts. */
  readonly limit_rate_after?: ConfigLines | undefined;
  /** The folder of the files; the path of the request is put after it. A relative one stands under the prefix. Default: `html`. */
  readonly root?: ConfigLines | undefined;
  /** The system copies files to connections. Accepted without effect. Default: `off`. */
  readonly sendfile?: ConfigLines | undefined;
}

export interface InUpstream {
  /** Chooses by a key made of text and variables; `consistent` (ketama) moves few keys when servers come and go. */
  readonly hash?: ConfigLines | undefined;
  /** Chooses by the client's address (the first three octets of IPv4, the whole of IPv6), so that a client stays with one server. */
  readonly ip_hash?: ConfigLines | undefined;
  /** Idle connections to the servers that each worker keeps for later requests, 0 for none; with `local` a connection is used again only by the location that opened it. Without the directive 32, local. */
  readonly keepalive?: ConfigLines | undefined;
  /** Requests after which a kept connection is closed. Default: `1000`. */
  readonly keepalive_requests?: ConfigLines | undefined;
  /** Age at which a kept connection is closed after its request. Default: `1h`. */
  readonly keepalive_time?: ConfigLines | undefined;
  /** How long a connection is kept idle. Default: `60s`. */
  readonly keepalive_timeout?: ConfigLines | undefined;
  /** Chooses the server with the fewest connections for its weight. */
  readonly least_conn?: ConfigLines | undefined;
  /** Chooses at random by weight; with `two` the less busy of two so chosen. */
  readonly random?: ConfigLines | undefined;
  /** Name servers for the upstream's servers. Accepted without effect. */
  readonly resolver?: ConfigLines | undefined;
  /** How long a name server of the upstream may take. Accepted without effect. */
  readonly resolver_timeout?: ConfigLines | undefined;
  /** A server of the upstream: an address, a name (each of its addresses becomes a peer) or `unix:path`; port 80 where none is written. `weight=` is its share, `max_conns=` the most connections to it at a time, `max_fails=` failures within `fail_timeout=` seconds put it to rest for that long; `backup` servers are asked when no other lives; `down` ones never. */
  readonly server?: ConfigLines | undefined;
  /** Memory that all workers share, by name and size in bytes, for the state of this upstream: failures, connections and weights. */
  readonly zone?: ConfigLines | undefined;
}

export interface InMainHttpServerLocation {
  /** Where errors are written and from which level on: a file or stderr; several lines write to several logs. Without any: logs/error.log. */
  readonly error_log?: ConfigLines | undefined;
}

export interface InEvents {
  /** Workers take connections in turn. Accepted without effect. */
  readonly accept_mutex?: ConfigLines | undefined;
  /** How long a worker waits for its turn. Accepted without effect. */
  readonly accept_mutex_delay?: ConfigLines | undefined;
  /** Most events of one call. Accepted without effect. */
  readonly epoll_events?: ConfigLines | undefined;
  /** A worker takes all waiting connections at once. Accepted without effect. */
  readonly multi_accept?: ConfigLines | undefined;
  /** How the system tells of events. Accepted without effect. */
  readonly use?: ConfigLines | undefined;
  /** Most file reads under way. Accepted without effect. */
  readonly worker_aio_requests?: ConfigLines | undefined;
  /** Most connections of a worker, those to upstreams included. Without it the limit of descriptors decides. */
  readonly worker_connections?: ConfigLines | undefined;
}

export interface InServerLocationIfInServerIfInLocation {
  /** Ends this module’s directives for the request here; it goes on in this location. */
  readonly break?: ConfigLines | undefined;
  /** Ends the request with a status and, beside it, a text or the URL of a redirect; a URL alone is a 302. 444 closes the connection without an answer. */
  readonly return?: ConfigLines | undefined;
  /** Changes a URI that matches the regular expression. last looks for its location anew, break stays in this one, redirect answers with 302, permanent with 301; a replacement that ends with ? drops the request’s arguments. */
  readonly rewrite?: ConfigLines | undefined;
  /** Gives a variable a value: one of the file’s own, or $args or $limit_rate. */
  readonly set?: ConfigLines | undefined;
}

export interface InHttpServerLocationIfInServerIfInLocation {
  /** Writes what this module does with each request into the error log at notice. Default: `off`. */
  readonly rewrite_log?: ConfigLines | undefined;
  /** Writes a warning into the error log when a variable is read that no set has given a value. Default: `on`. */
  readonly uninitialized_variable_warn?: ConfigLines | undefined;
}

export interface InHttpServerLocationLimitExcept {
  /** Lets clients in by address, block of addresses or unix:; all is everyone. The first allow or deny that holds decides. */
  readonly allow?: ConfigLines | undefined;
  /** Asks for a user name and a password under this realm; off asks for none. */
  readonly auth_basic?: ConfigLines | undefined;
  /** The file of users: lines of name:password, read anew for each request. A relative path stands under the configuration's folder. */
  readonly auth_basic_user_file?: ConfigLines | undefined;
  /** Answers clients with 403, by address, block of addresses or unix:; all is everyone. */
  readonly deny?: ConfigLines | undefined;
}

export interface InLocationIfInLocationLimitExcept {
  /** Passes requests to a server or an upstream: `http://`, then a name, an address or `unix:path:`. With a URI the location's part of the request's URI is replaced by it, without one the URI is passed as the client sent it. With variables it is the whole URL. */
  readonly proxy_pass?: ConfigLines | undefined;
}

export interface InHttpServerLocationIfInLocationLimitExcept {
  /** Where a line for each request is written, and in which format; the path may have variables. buffer= gathers lines in memory, flush= limits how long they wait, gzip packs them, if= drops lines for which its value is empty or 0; off: none. Default: `logs/access.log combined`. */
  readonly access_log?: ConfigLines | undefined;
}
