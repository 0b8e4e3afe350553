// A system call's "no" about a file, as a value.

export interface FileError {
  readonly errno: number;
  /** "ENOENT" */
  readonly code: string;
  /** "No such file or directory" */
  readonly text: string;
}

export function isFileError<T>(result: T | FileError): result is FileError {
  return typeof result === 'object' && result !== null && 'errno' in result;
}
