declare module 'fs-native-extensions' {
  /** Locks an open file for this process, without waiting; false when another open file of the same name has the lock. */
  export function tryLock(fd: number): boolean;
}
