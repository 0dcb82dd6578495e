import { pino } from 'pino';
import type { Subject } from '@dataflower/plugin/auth';
import { CODE_ATTACHMENT } from '@dataflower/plugin/entities';
import { EntitySubjects, copyEntities, type Copied } from '@dataflower/plugin/stores';
import type { Config } from '../../config/index.js';
import { prepareDataDirectory } from '../process/data-directory.js';
import { openEntities } from './entities.js';
import { openStores, type Stores } from './stores.js';

/** Copies users and actions of the data directory into CouchDB, and keeps those that are there already. May be repeated. Throws `StartError`. */
export async function copyIntoCouch(config: Config): Promise<{ readonly users: Copied; readonly actions: Copied }> {
  await prepareDataDirectory(config.dataDir);
  const from = await openEntities(config.dataDir);
  let to: Stores | undefined;
  try {
    to = await openStores(config, pino({ level: 'silent' }));
    const users = await copyUsers(new EntitySubjects(from), to);
    const code = { name: CODE_ATTACHMENT, contentType: 'text/plain' };
    return { users, actions: await copyEntities(from, to.entities, 'action', code) };
  } finally {
    await to?.close();
    await from.close();
  }
}

async function copyUsers(from: EntitySubjects, to: Stores): Promise<Copied> {
  const subjects: Subject[] = [];
  await from.open((subject) => subjects.push(subject));
  await to.subjects.open(() => undefined);
  let copied = 0;
  for (const subject of subjects) if (await to.subjects.add(subject)) copied++;
  return { copied, kept: subjects.length - copied };
}
