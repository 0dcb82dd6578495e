/**
 * Checks the documentation against the repository: every relative link in a Markdown file leads to a file (and, with a
 * fragment, to a heading), every `npm run` command that a page shows exists, every source that it names in a code span exists,
 * every rule number that code or tests cite is in docs/compatibility.md, and every page that is generated is up to date. Prints
 * one line for each problem.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { scripts, workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const benches = [
  'hop',
  'throughput',
  'pass',
  'overlap',
  'fanout',
  'invoke',
  'cold-chain',
  'cold-start',
  'records',
  'hostile-input',
  'idle',
];
const npmCommands = new Set(['install', 'ci', 'i', 'test', 'run', 'run-script', 'start', 'exec']);
const problems = [];

function* files(folder, suffix) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (['node_modules', 'dist', '.git', '.services', 'coverage'].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path, suffix);
    else if (suffix.test(entry.name)) yield path;
  }
}

/** A page without its code: a link inside a code block is an example. */
const withoutCode = (text) => text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');

/** Heading anchors as GitHub makes them. */
function anchors(text) {
  const seen = new Map();
  return new Set(
    [...text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.*?)\s*$/gm)].map(([, title]) => {
      const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
      const slug = plain
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-');
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}

function checkLinks(page, text) {
  for (const [, target] of withoutCode(text).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)) {
    if (/^[a-z][a-z+.-]*:/i.test(target)) continue;
    const [path, fragment] = decodeURI(target).split('#');
    const file = path === '' ? page : resolve(dirname(page), path);
    if (!existsSync(file)) problems.push(`${relative(root, page)}: the link ${target} leads nowhere`);
    else if (fragment && statSync(file).isFile() && file.endsWith('.md')) {
      if (!anchors(readFileSync(file, 'utf8')).has(fragment)) {
        problems.push(`${relative(root, page)}: ${relative(root, file)} has no heading #${fragment}`);
      }
    }
  }
}

function checkCommands(page, text) {
  for (const [, name, rest] of text.matchAll(/\bnpm (?:-s |--silent )?([a-z-]+)([^\n`]*)/g)) {
    if (!npmCommands.has(name)) continue;
    const script = name === 'run' ? /^\s+(?:-s\s+|--silent\s+)?([\w:-]+)/.exec(rest)?.[1] : undefined;
    // A part in capitals stands for a name.
    if (script !== undefined && !/[A-Z]/.test(script) && scripts[script] === undefined) {
      problems.push(`${relative(root, page)}: there is no script "npm run ${script}"`);
    }
    const bench = script === 'bench' ? /--\s+([a-z][\w-]*)/.exec(rest)?.[1] : undefined;
    if (bench !== undefined && !benches.includes(bench)) {
      problems.push(`${relative(root, page)}: there is no bench "${bench}"`);
    }
  }
}

/** A source is named by the end of its path: `engine/plan.ts`. */
const sources = [...files(root, /\.(ts|mjs)$/)].map((file) => `/${relative(root, file).split('\\').join('/')}`);

function checkSources(page, text) {
  for (const [, name] of text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/`([\w./-]+\/[\w.-]+\.(?:ts|mjs))`/g)) {
    if (sources.some((file) => file.endsWith(`/${name}`))) continue;
    problems.push(`${relative(root, page)}: there is no source ${name}`);
  }
}

function checkRules() {
  const page = join(root, 'docs/compatibility.md');
  if (!existsSync(page)) return;
  const rules = [...readFileSync(page, 'utf8').matchAll(/^- \*\*((?:OW|CO|DV)-\d+)\*\*/gm)].map(([, rule]) => rule);
  const known = new Set(rules);
  for (const rule of rules.filter((rule, i) => rules.indexOf(rule) !== i)) {
    problems.push(`docs/compatibility.md: ${rule} is there twice`);
  }
  for (const workspace of workspaces) {
    for (const file of files(join(root, workspace), /\.(ts|js|md)$/)) {
      for (const [rule] of readFileSync(file, 'utf8').matchAll(/\b(?:OW|CO|DV)-\d+\b/g)) {
        if (!known.has(rule)) problems.push(`${relative(root, file)}: ${rule} is not in docs/compatibility.md`);
      }
    }
  }
}

/** A page that says at its top by which command it is made is made again and compared. */
function checkGenerated(page, text) {
  const command = /<!-- generated by: (node [^\n]+?) -->/.exec(text)?.[1];
  if (command === undefined) return;
  const [, ...args] = command.split(' ');
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) problems.push(`${relative(root, page)}: "${command}" failed: ${stderr.trim()}`);
  else if (stdout !== text)
    problems.push(`${relative(root, page)} is out of date: run "${command} > ${relative(root, page)}"`);
}

for (const page of files(root, /\.md$/)) {
  const text = readFileSync(page, 'utf8');
  checkLinks(page, text);
  checkCommands(page, text);
  if (!page.endsWith('CHANGELOG.md')) checkSources(page, text);
  checkGenerated(page, text);
}
checkRules();

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'Documentation: no problem found.' : `Documentation: ${problems.length} problems.`);
process.exitCode = problems.length === 0 ? 0 : 1;
