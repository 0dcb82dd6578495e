import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MAX_SOCKET_PATH_BYTES, SocketDirectory } from './socket-directory.js';

describe('the directory for sockets', () => {
  let parent: string;
  beforeEach(() => (parent = mkdtempSync(path.join(os.tmpdir(), 'dfs-'))));
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('is private, with one directory for each container', () => {
    const sockets = new SocketDirectory(parent);
    const [a, b] = [sockets.create(), sockets.create()];
    expect(path.dirname(a)).not.toBe(path.dirname(b));
    expect(statSync(sockets.path).mode & 0o777).toBe(0o700);
    expect(statSync(path.dirname(a)).mode & 0o777).toBe(0o700);
    sockets.release(a);
    expect(readdirSync(sockets.path)).toHaveLength(1);
    sockets.close();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('keeps its paths short, however long the one it is to be made in', () => {
    const deep = path.join(parent, 'd'.repeat(60), 'e'.repeat(60));
    mkdirSync(deep, { recursive: true });
    const sockets = new SocketDirectory(deep);
    expect(Buffer.byteLength(sockets.create())).toBeLessThan(MAX_SOCKET_PATH_BYTES);
    sockets.close();
    expect(existsSync(sockets.path)).toBe(false);
  });
});
