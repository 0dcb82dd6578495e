import { existsSync, realpathSync } from 'node:fs';
import { type ImageFile, copiedFile, textFile } from './image-file.js';
import { sharedLibraries } from './shared-libraries.js';

/** Who runs actions: the user that Node's own images have, too. */
export const USER = { name: 'node', id: 1000 } as const;

export const NODE_PATH = '/usr/local/bin/node';

/** What a function may start besides Node: a shell, so that `child_process.exec` works, and what scripts begin with. */
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
 * A file system that Node runs in, from this machine: Node, a shell, the libraries of both, and the few files that a C
 * library reads. Certificates are Node's own. Nobody but root can write, except in /tmp.
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
