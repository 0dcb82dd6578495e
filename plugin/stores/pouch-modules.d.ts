declare module 'pouchdb-adapter-leveldb-core' {
  function LevelPouch(this: unknown, options: object, callback: (error: unknown) => void): void;
  export default LevelPouch;
}

declare module 'leveldown' {
  interface Leveldown {
    _batch(operations: unknown, options: object, callback: (error?: Error) => void): void;
    _put(key: unknown, value: unknown, options: object, callback: (error?: Error) => void): void;
  }
  function leveldown(path: string): Leveldown;
  export default leveldown;
}

declare module 'pouchdb-core' {
  class PouchDB {
    constructor(name: string, options: object);
    static adapter(name: string, adapter: unknown, persistent: boolean): void;
  }
  export default PouchDB;
}
