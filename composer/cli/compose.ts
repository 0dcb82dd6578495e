import { writeFileSync } from 'node:fs';
import { extname, format, parse as parsePath } from 'node:path';
import minimist from 'minimist';
import composer, { isGraphForm, version } from '../index.js';
import { exit, fail, type Terminal } from './outcome.js';
import { loadComposition } from './load-composition.js';

const USAGE = `Usage:
  compose composition.js [flags]
Flags:
  --ast                  only output the ast for the composition
  --file                 write output to a file next to the input file
  --js                   output the conductor action code for the composition (not offered yet)
  -o FILE                write output to FILE
  -v, --version          output the composer version
  --debug LIST           comma-separated list of debug flags (when using --js flag)
  --help                 output this text`;

/**
 * `compose FILE.js`: prints the JSON form of the composition that a CommonJS file exports, or of a graph. Ends with 1
 * for wrong usage and 166 for a file that cannot be loaded or compiled. Composer's rules of command lines.
 */
export function compose(args: readonly string[], terminal: Terminal): void {
  const argv = minimist([...args], {
    string: ['debug', 'o'],
    boolean: ['version', 'ast', 'js', 'file', 'help'],
    alias: { version: 'v' },
  });
  if (argv.version || argv.help) {
    terminal.out(argv.version ? version : USAGE);
    return;
  }
  const [file] = argv._;
  if (file === undefined || argv._.length !== 1 || extname(file) !== '.js') {
    terminal.err(USAGE);
    return exit(1);
  }
  if (argv.js) {
    terminal.err('compose: --js is not offered yet: a composition runs by data flow, deploy its JSON form instead.');
    return exit(1);
  }
  const text = JSON.stringify(compiled(file, argv.ast === true, terminal), null, 4);
  const target = targetFile(argv, file);
  if (target === undefined) terminal.out(text);
  else write(target, text, terminal);
}

function write(target: string, text: string, terminal: Terminal): void {
  try {
    writeFileSync(target, `${text}\n`);
  } catch (error) {
    terminal.err(`compose: cannot write ${target}: ${(error as Error).message}`);
    return exit(1);
  }
}

function compiled(file: string, onlyAst: boolean, terminal: Terminal): unknown {
  try {
    const exported = loadComposition(file);
    if (isGraphForm(exported)) {
      if (onlyAst) throw new Error('A graph has no ast; leave --ast out to print the graph');
      return composer.graph(exported.graph);
    }
    const whole = composer.parse(exported).compile();
    return onlyAst ? whole.ast : whole;
  } catch (error) {
    return fail(terminal, error, 422);
  }
}

function targetFile(argv: minimist.ParsedArgs, file: string): string | undefined {
  if (argv.o) return String(argv.o);
  if (!argv.file) return undefined;
  const { dir, name } = parsePath(file);
  return format({ dir, name, ext: '.json' });
}
