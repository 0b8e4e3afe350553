// What the program calls itself. The version is package.json's; a test holds both to each other.

export const VERSION = '0.1.0';
/** nginx's version whose behaviour Holdfast has: `$nginx_version`, `-V`. */
export const NGINX_VERSION = '1.31.5';
/** For `Server` and error pages. */
export const PRODUCT = `holdfast/${VERSION}`;
