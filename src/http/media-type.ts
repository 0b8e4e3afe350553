// The file types that nginx knows without a `types` block; conf/mime.types is a file of the user's.

/** As ngx_http_core_default_types. */
export const DEFAULT_TYPES: ReadonlyMap<string, string> = new Map([
  ['html', 'text/html'],
  ['gif', 'image/gif'],
  ['jpg', 'image/jpeg'],
]);
