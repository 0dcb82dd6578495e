import { existsSync, realpathSync } from 'node:fs';
import { type ImageFile, copiedFile, textFile } from './image-file.js';
import { sharedLibraries } from './shared-libraries.js';

/** User of actions, as in Node's own images. */
export const USER = { name: 'node', id: 1000 } as const;

export const NODE_PATH = '/usr/local/bin/node';

/** Programs besides Node: a shell, so that `child_process.exec` works, and `env`, with which scripts begin. */
const PROGRAMS = ['/bin/sh', '/usr/bin/env'];

const USERS = `root:x:0:0:root:/root:/bin/sh
${USER.name}:x:${USER.id}:${USER.id}:actions:/tmp:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
`;

const GROUPS = `root:x:0:
${USER.name}:x:${USER.id}:
nogroup:x:65534:
`;

/**
 * A file system for Node, made of this machine's Node, a shell, the libraries of both, and the few files that a C library
 * reads. Certificates are Node's own. Only root can write, except in /tmp.
 */
export function baseFiles(node = process.execPath): ImageFile[] {
  const programs = PROGRAMS.filter((file) => existsSync(file));
  const libraries = new Set([node, ...programs].flatMap((program) => sharedLibraries(program)));
  return [
    copiedFile(NODE_PATH, realpathSync(node)),
    ...[...programs, ...libraries].map((file) => copiedFile(file, realpathSync(file))),
    textFile('/etc/passwd', USERS),
    textFile('/etc/group', GROUPS),
    textFile('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
    { path: '/root', type: 'directory', mode: 0o700 },
    { path: '/tmp', type: 'directory', mode: 0o1777 },
  ];
}
