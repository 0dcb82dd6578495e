declare module 'fs-native-extensions' {
  /** Tries to lock an open file; false when another open file descriptor has the lock. */
  export function tryLock(fd: number): boolean;
}
