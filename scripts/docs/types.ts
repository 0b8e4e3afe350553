// The types of a configuration as an object, made from the directives' declarations: one interface for each set of contexts, and blocks
// that extend those of their context. Touches no file.
import type { Directive } from '../../src/config/directive.ts';

const BLOCKS: Readonly<Record<string, readonly [name: string, doc: string]>> = {
  main: ['ConfigurationObject', 'A whole configuration.'],
  events: ['EventsBlock', '`events { … }`'],
  http: ['HttpBlock', '`http { … }`'],
  server: ['ServerBlock', '`server { … }` in http'],
  location: ['LocationBlock', '`location … { … }`'],
  upstream: ['UpstreamBlock', '`upstream … { … }`'],
  'if in server': ['IfInServerBlock', '`if (…) { … }` in a server'],
  'if in location': ['IfInLocationBlock', '`if (…) { … }` in a location'],
  limit_except: ['LimitExceptBlock', '`limit_except … { … }`'],
};

const LINE_WIDTH = 110;

const HEAD = `// The shapes of a configuration as an object: which directive may stand in which block, and what it takes.
// Written by \`npm run docs\` from the directives' declarations; edit it there.

/** One word of a directive; \`true\` and \`false\` are on and off. */
export type ConfigWord = string | number | boolean;

/**
 * What stands behind a directive's name. A string is read as in the file: \`'Connection "upgrade"'\` are two words. A list is the
 * directive several times, and a list in it one line's words as they are: \`[['Connection', 'upgrade'], 'Host $host']\`. A directive
 * without words is \`true\`.
 */
export type ConfigLines = ConfigWord | readonly (ConfigWord | readonly ConfigWord[])[];

/** A block, or several. */
export type ConfigBlocks<Block> = Block | readonly Block[];

/** Blocks by the words before their brace: \`location: { '/': { … }, '~ \\\\.php$': { … } }\`. */
export interface ConfigKeyed<Block> {
  readonly [words: string]: Block | readonly Block[] | undefined;
}

/** A block whose lines are no directives: in \`map\` and \`types\`. */
export interface ConfigStatements {
  readonly [name: string]: ConfigLines | undefined;
}

export interface InAnyBlock {
  /** Reads a file, or all files that a pattern matches, in its place. */
  readonly include?: ConfigLines | undefined;
}
`;

// biome-ignore lint/suspicious/noExplicitAny: directives of many value types
export function configurationTypes(directives: readonly Directive<any>[]): string {
  const groups = new Map<string, Directive<unknown>[]>();
  for (const each of directives) {
    if (each.unsupported) continue;
    const name = groupName(each.contexts);
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  const blocks = Object.entries(BLOCKS).map(([context, [name, doc]]) => {
    const bases = [...groups].filter(([, all]) => all[0]?.contexts.some((each) => each === context));
    return blockType(name, doc, ['InAnyBlock', ...bases.map(([group]) => group)]);
  });
  return [HEAD, ...blocks, ...[...groups].map(([name, all]) => groupType(name, all))].join('\n');
}

function groupName(contexts: readonly string[]): string {
  const words = contexts.join(' ').split(/[ _]/);
  return `In${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}`;
}

function blockType(name: string, doc: string, bases: readonly string[]): string {
  const line = `export interface ${name} extends ${bases.join(', ')} {}`;
  const head =
    line.length <= LINE_WIDTH
      ? line
      : `export interface ${name}\n  extends ${bases.map((base, i) => (i === 0 ? base : `    ${base}`)).join(',\n')} {}`;
  return `/** ${doc} */\n${head}\n`;
}

function groupType(name: string, directives: readonly Directive<unknown>[]): string {
  const members = [...directives]
    .sort((a, b) => a.name.localeCompare(b.name))
    .map((each) => `  /** ${docOf(each)} */\n  readonly ${each.name}?: ${typeOf(each)} | undefined;\n`);
  return `export interface ${name} {\n${members.join('')}}\n`;
}

function typeOf({ opens, arity }: Directive<unknown>): string {
  if (opens === undefined) return 'ConfigLines';
  const block = opens === 'statements' ? 'ConfigStatements' : (BLOCKS[opens]?.[0] ?? 'never');
  return arity[1] === 0 ? `ConfigBlocks<${block}>` : `ConfigKeyed<${block}>`;
}

function docOf({ doc, noEffect, defaultText }: Directive<unknown>): string {
  const effect = noEffect === undefined ? '' : ' Accepted without effect.';
  const value = defaultText === undefined ? '' : ` Default: \`${defaultText}\`.`;
  return `${doc}${effect}${value}`.replaceAll('*/', '*\\/').replaceAll(/\s*\n\s*/g, ' ');
}
