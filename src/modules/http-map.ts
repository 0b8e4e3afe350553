// ngx_http_map_module: variables whose values depend on those of others.
import { integer, variableName } from '../config/argument.ts';
import { directive, type Site, type Word } from '../config/directive.ts';
import { type Pattern, readPattern } from '../config/pcre.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { VariableRef } from '../plan/variable.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { HostTable } from './http-map-hosts.ts';
import { defineModule } from './module.ts';
import { type PatternTest, patternTest } from './pattern-use.ts';

interface MapBlock {
  readonly source: Template;
  readonly name: string;
  readonly nameWord: Word;
  readonly hostnames: boolean;
  readonly volatile: boolean;
  readonly fallback: Template | undefined;
  readonly keys: HostTable<Template>;
  readonly patterns: readonly { readonly pattern: Pattern; readonly value: Template }[];
}

export const map = directive({
  name: 'map',
  contexts: ['http'],
  opens: 'statements',
  inherit: 'none',
  repeat: true,
  arity: [2, 2],
  read: readMap,
  doc: 'Makes the variable of the second parameter; its value is that beside the first of the block’s parameters that matches the first parameter.',
  example: 'map $http_upgrade $connection_upgrade { default upgrade; "" close; ~*^h2 "$http_upgrade"; }',
  refuses: {
    'map $host name { a b; }': 'invalid variable name "name"',
    'map $host $name { a b c; }': 'invalid number of the map parameters',
    'map $host $name { a; }': 'invalid number of the map parameters',
    'map $host $name { default a; default b; }': 'duplicate default map parameter',
    'map $host $name { a b; A c; }': 'conflicting parameter "a"',
    'map $host $name { hostnames; a.* b; a.* c; }': 'conflicting parameter "a.*"',
    'map $host $name { hostnames; a*b c; }': 'invalid hostname or wildcard "a*b"',
    'map $host $name { a b { } }': 'unexpected "{"',
  },
});

export const mapHashMaxSize = directive({
  name: 'map_hash_max_size',
  contexts: ['http'],
  args: [integer()],
  default: '2048',
  noEffect: 'because tables of maps grow as they need to',
  doc: 'Size of nginx’s hash tables of maps.',
  example: 'map_hash_max_size 4096;',
  refuses: { 'map_hash_max_size many;': 'invalid number' },
});

export const mapHashBucketSize = directive({
  name: 'map_hash_bucket_size',
  contexts: ['http'],
  args: [integer()],
  default: '64',
  noEffect: 'because keys of maps may have any length',
  doc: 'Size in bytes of a bucket in nginx’s hash tables of maps.',
  example: 'map_hash_bucket_size 128;',
  refuses: { 'map_hash_bucket_size big;': 'invalid number' },
});

export const httpMap = defineModule({
  name: 'http-map',
  directives: [map, mapHashMaxSize, mapHashBucketSize],
  declare(scope) {
    for (const entry of scope.entries) {
      if (entry.directive === map) declareMap(scope, entry.value as MapBlock);
    }
  },
});

/** As ngx_http_map(). */
function readMap(site: Site): MapBlock {
  const [sourceWord, nameWord] = site.words;
  if (sourceWord === undefined || nameWord === undefined) throw site.error('invalid number of arguments');
  const source = parseTemplate(sourceWord.text, sourceWord, site);
  const name = variableName.read(nameWord, site);
  const block = site.statement.block ?? [];
  // Words that stand alone are settings; `hostnames` holds for the keys that follow it, as they are added one by one.
  let hostnames = false;
  let volatile = false;
  let fallback: Template | undefined;
  const keys = new HostTable<Template>();
  const patterns: { pattern: Pattern; value: Template }[] = [];
  for (const { name: key, words } of block) {
    if (words.length === 0 && key.text === 'hostnames') {
      hostnames = true;
      continue;
    }
    if (words.length === 0 && key.text === 'volatile') {
      volatile = true;
      continue;
    }
    const [valueWord] = words;
    if (valueWord === undefined || words.length > 1) {
      throw site.error('invalid number of the map parameters', key, 'a line of a map is a key and its value');
    }
    const value = parseTemplate(valueWord.text, valueWord, site);
    if (key.text === 'default') {
      if (fallback !== undefined) throw site.error('duplicate default map parameter', key);
      fallback = value;
    } else if (key.text.startsWith('~')) {
      const caseless = key.text.startsWith('~*');
      patterns.push({ pattern: readPattern(key, site, { caseless, from: caseless ? 2 : 1 }), value });
    } else {
      addKey(keys, key, value, hostnames, site);
    }
  }
  return { source, name, nameWord, hostnames, volatile, fallback, keys, patterns };
}

function addKey(keys: HostTable<Template>, key: Word, value: Template, hostnames: boolean, site: Site): void {
  const text = key.text.startsWith('\\') ? key.text.slice(1) : key.text;
  const problem = keys.add(text, value, hostnames);
  if (problem === undefined) return;
  throw problem === 'conflict'
    ? site.error(`conflicting parameter "${text.toLowerCase()}"`, key)
    : site.error(`invalid hostname or wildcard "${text}"`, key, 'a wildcard is *.name, .name or name.*');
}

/** A value as a function, or the text itself where it has no variables. */
type MapValue = string | Render;

function declareMap(scope: Scope, block: MapBlock): void {
  const { name } = block;
  if (scope.isBuiltIn(name) && scope.assignable(name) === undefined) {
    throw scope.error(
      `the duplicate "${name}" variable`,
      block.nameWord,
      `nginx has a variable $${name} of its own`,
    );
  }
  const uses: VariableRef[] = [];
  const compiled = (template: Template): Render => {
    const render = scope.render(template);
    for (const part of render.parts) if (typeof part !== 'string') uses.push(part);
    return render;
  };
  const answerOf = (template: Template): MapValue => {
    const render = compiled(template);
    return render.constant ?? render;
  };
  const source = compiled(block.source);
  const fallback = block.fallback === undefined ? '' : answerOf(block.fallback);
  const keys = block.keys.mapped(answerOf);
  const patterns = block.patterns.map(({ pattern, value }) => ({
    test: patternTest(scope, pattern),
    value: answerOf(value),
  }));
  const find = finder(keys, patterns, fallback);
  // Declared by slot: `set` may change it, and unless it is volatile its first value stays for the whole exchange.
  let slot = -1;
  let busy = false;
  scope.declareVariable({
    name,
    uses,
    evaluate(x) {
      const known = x.variables[slot];
      if (known !== undefined) return known;
      if (busy) {
        x.log('error', `cycle while evaluating variable "${name}"`);
        return undefined;
      }
      busy = true;
      let text = source(x);
      if (block.hostnames && text.endsWith('.')) text = text.slice(0, -1);
      const found = find(x, text);
      const value = typeof found === 'string' ? found : found(x);
      busy = false;
      if (!block.volatile) x.variables[slot] = value;
      return value;
    },
  });
  slot = scope.variableSlot(name);
}

/** As ngx_http_map_find(): names without regard to case, then regular expressions in their order. */
function finder(
  keys: HostTable<MapValue>,
  patterns: readonly { readonly test: PatternTest; readonly value: MapValue }[],
  fallback: MapValue,
): (x: Exchange, text: string) => MapValue {
  return (x, text) => {
    const found = keys.find(text);
    if (found !== undefined) return found;
    if (text !== '') {
      for (const { test, value } of patterns) if (test(x, text)) return value;
    }
    return fallback;
  };
}
