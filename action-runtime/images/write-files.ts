import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type ImageFile, completed, contentOf } from './image-file.js';

/** Writes files into a folder, which is created when it is missing. Existing files are replaced. */
export async function writeFiles(folder: string, files: readonly ImageFile[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of completed(files)) {
    const target = path.join(folder, file.path);
    if (file.type === 'directory') {
      await mkdir(target, { recursive: true });
      continue;
    }
    await rm(target, { recursive: true, force: true });
    if (file.type === 'link') await symlink(file.target, target);
    else {
      await writeFile(target, contentOf(file));
      await chmod(target, file.mode);
    }
  }
}
