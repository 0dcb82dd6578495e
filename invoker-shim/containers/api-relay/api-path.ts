/** Prefix of the paths that containers may call. */
const API_PATH = '/api/v1/';
/** Levels of percent-encoding that are decoded. A path that is encoded more often is refused. */
const MAX_ROUNDS = 3;
const SEPARATORS = /[/\\]/;
/** Some servers treat the text after a semicolon as parameters of the segment. */
const DOT_SEGMENT = /^\.{1,2}(?:;|$)/;

/**
 * True for a request target that stays in the API however a server or proxy normalizes it: an absolute path whose segments
 * are neither `.` nor `..`, with or without percent-encoding.
 */
export function isApiPath(target: string): boolean {
  if (!target.startsWith(API_PATH) || !/^[!-~]*$/.test(target) || target.includes('#')) return false;
  let path = target.replace(/\?.*$/, '');
  for (let round = 0; round <= MAX_ROUNDS; round++) {
    if (hasControls(path) || path.split(SEPARATORS).some((segment) => DOT_SEGMENT.test(segment))) return false;
    const decoded = decode(path);
    if (decoded === undefined) return false;
    if (decoded === path) return true;
    path = decoded;
  }
  return false;
}

function hasControls(text: string): boolean {
  return /[\0-\x1f\x7f]/.test(text);
}

/** Undefined for malformed percent-encoding. */
function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
