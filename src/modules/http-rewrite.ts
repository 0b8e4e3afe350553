// ngx_http_rewrite_module: rewrite, return, set, if and break, which run in the order of the file before a location is found, and in
// it. An `if` of a location makes the request go on in a location without a name, as ngx_http_script_if_code().
import { flag, variableName } from '../config/argument.ts';
import type { Entry } from '../config/check.ts';
import { directive, type Site, type Word } from '../config/directive.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import { parseWhole } from '../config/units.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import type { LocationPlan } from '../plan/plan.ts';
import type { Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { contentTypeOf } from './content-type.ts';
import { type Condition, conditionTest, readCondition } from './http-rewrite-condition.ts';
import { type Rule, readRule, ruleStep } from './http-rewrite-rule.ts';
import { type Run, runSteps, type Step } from './http-rewrite-script.ts';
import { scriptValue } from './http-rewrite-value.ts';
import { defineModule, type Module, type Verdict } from './module.ts';

const SCRIPT_CONTEXTS = ['server', 'location', 'if in server', 'if in location'] as const;

export const rewrite = directive({
  name: 'rewrite',
  contexts: SCRIPT_CONTEXTS,
  inherit: 'none',
  repeat: true,
  arity: [2, 3],
  read: readRule,
  doc: 'Changes a URI that matches the regular expression. last looks for its location anew, break stays in this one, redirect answers with 302, permanent with 301; a replacement that ends with ? drops the request’s arguments.',
  example: 'rewrite ^/chat/(.*)$ /rooms/$1 last;',
  refuses: {
    'rewrite ^/a "";': 'empty replacement',
    'rewrite ^/a /b always;': 'invalid parameter "always"',
    'rewrite ( /b;': 'pcre2_compile() failed: missing closing parenthesis in "("',
    'rewrite ^/a;': 'invalid number of arguments in "rewrite" directive',
  },
});

interface Return {
  readonly status: number;
  readonly text: Template | undefined;
}

export const returnDirective = directive({
  name: 'return',
  contexts: SCRIPT_CONTEXTS,
  inherit: 'none',
  repeat: true,
  arity: [1, 2],
  read: readReturn,
  doc: 'Ends the request with a status and, beside it, a text or the URL of a redirect; a URL alone is a 302. 444 closes the connection without an answer.',
  example: 'return 200 ok;',
  refuses: {
    'return ok;': 'invalid return code "ok"',
    'return 1000;': 'invalid return code "1000"',
    'return http://a b;': 'invalid return code "http://a"',
  },
});

export const breakDirective = directive({
  name: 'break',
  contexts: SCRIPT_CONTEXTS,
  inherit: 'none',
  repeat: true,
  arity: [0, 0],
  read: () => true,
  doc: 'Ends this module’s directives for the request here; it goes on in this location.',
  example: 'break;',
  refuses: { 'break now;': 'invalid number of arguments in "break" directive' },
});

interface Assignment {
  readonly name: string;
  readonly nameWord: Word;
  readonly value: Template;
}

export const set = directive({
  name: 'set',
  contexts: SCRIPT_CONTEXTS,
  inherit: 'none',
  repeat: true,
  arity: [2, 2],
  read: readSet,
  doc: 'Gives a variable a value: one of the file’s own, or $args or $limit_rate.',
  example: 'set $room "$arg_room";',
  refuses: { 'set room 1;': 'invalid variable name "room"', 'set $ 1;': 'invalid variable name "$"' },
});

const IF_DOC = 'What stands inside holds for requests for which the condition is true.';
const IF_REFUSES = {
  'if $host { }': 'invalid condition "$host"',
  'if ($host == a) { }': 'unexpected "==" in condition',
  'if (-q /a) { }': 'invalid condition "-q"',
  'if () { }': 'invalid condition ")"',
};

export const ifInServer = directive({
  name: 'if',
  contexts: ['server'],
  opens: 'if in server',
  inherit: 'none',
  repeat: true,
  arity: [1, Number.POSITIVE_INFINITY],
  read: readCondition,
  doc: IF_DOC,
  example: 'if ($request_method = POST) { return 405; }',
  refuses: IF_REFUSES,
});

export const ifInLocation = directive({
  name: 'if',
  contexts: ['location'],
  opens: 'if in location',
  inherit: 'none',
  repeat: true,
  arity: [1, Number.POSITIVE_INFINITY],
  read: readCondition,
  doc: IF_DOC,
  example: 'if ($http_upgrade ~* ^websocket$) { break; }',
  refuses: IF_REFUSES,
});

export const rewriteLog = directive({
  name: 'rewrite_log',
  contexts: ['http', ...SCRIPT_CONTEXTS],
  args: [flag],
  default: 'off',
  doc: 'Writes what this module does with each request into the error log at notice.',
  example: 'rewrite_log on;',
  refuses: {
    'rewrite_log maybe;': 'invalid value "maybe" in "rewrite_log" directive, it must be "on" or "off"',
  },
});

export const uninitializedVariableWarn = directive({
  name: 'uninitialized_variable_warn',
  contexts: ['http', ...SCRIPT_CONTEXTS],
  args: [flag],
  default: 'on',
  doc: 'Writes a warning into the error log when a variable is read that no set has given a value.',
  example: 'uninitialized_variable_warn off;',
  refuses: { 'uninitialized_variable_warn maybe;': 'it must be "on" or "off"' },
});

/** The script of one block. Others that share the slice do not run it: they are not `owner`. */
interface RewriteSlice {
  readonly steps: readonly Step[];
  readonly log: boolean;
  readonly warns: boolean;
  /** Known once the plan is complete. */
  owner: LocationPlan | undefined;
}

export const httpRewrite: Module<RewriteSlice> = defineModule<RewriteSlice>({
  name: 'http-rewrite',
  directives: [
    rewrite,
    returnDirective,
    breakDirective,
    ifInServer,
    ifInLocation,
    set,
    rewriteLog,
    uninitializedVariableWarn,
  ],
  compile(scope) {
    const slice: RewriteSlice = {
      steps: scope.entries.flatMap((entry) => stepOf(scope, entry) ?? []),
      log: scope.get(rewriteLog),
      warns: scope.get(uninitializedVariableWarn),
      owner: undefined,
    };
    scope.whenComplete(() => {
      slice.owner = scope.location;
    });
    return slice;
  },
  phases: [
    { phase: 'server-rewrite', applies: ({ steps }) => steps.length > 0, handler: (x) => runScript(x) },
    {
      phase: 'rewrite',
      applies: ({ steps }) => steps.length > 0,
      // The server's own script has run already where no location was found.
      handler: (x) => (x.location === x.server.root ? 'next' : runScript(x)),
    },
  ],
});

/** As ngx_http_rewrite_handler(). */
function runScript(x: Exchange): Verdict {
  const { steps, log, owner } = httpRewrite.slice(x);
  if (owner !== x.location) return 'next';
  const run: Run = { x, log, escaped: true, verdict: 'next' };
  runSteps(steps, run);
  return run.verdict;
}

function stepOf(scope: Scope, entry: Entry): Step | undefined {
  switch (entry.directive) {
    case rewrite:
      return ruleStep(scope, entry.value as Rule);
    case returnDirective:
      return returnStep(scope, entry.value as Return);
    case set:
      return setStep(scope, entry.value as Assignment);
    case ifInServer:
    case ifInLocation:
      return ifStep(scope, entry);
    case breakDirective:
      return breakStep;
    default:
      return undefined;
  }
}

function readReturn(site: Site): Return {
  const [first, second] = site.words;
  if (first === undefined) throw site.error('invalid number of arguments');
  const status = parseWhole(first.text);
  const isUrl = second === undefined && /^(https?:\/\/|\$scheme)/.test(first.text);
  if (status === undefined && isUrl) return { status: 302, text: parseTemplate(first.text, first, site) };
  if (status === undefined || status > 999) {
    throw site.error(`invalid return code "${first.text}"`, first, 'a code is 0 to 999');
  }
  return { status, text: second && parseTemplate(second.text, second, site) };
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** As ngx_http_script_return_code() and ngx_http_send_response(). */
function returnStep(scope: Scope, { status, text }: Return): Step {
  if (status >= 400 && (text === undefined || text.source === '')) {
    return (run) => {
      run.verdict = status;
      return false;
    };
  }
  const value = text && scope.render(text);
  return (run) => {
    const { x } = run;
    const refused = x.discardBody();
    if (refused !== 0) {
      run.verdict = refused;
      return false;
    }
    x.answer.status = status; // so that the text may name it
    const body = value?.(x) ?? '';
    if (REDIRECTS.has(status)) {
      x.answer.location = safeHeaderValue(body);
      run.verdict = status;
      return false;
    }
    x.answer.contentType ??= contentTypeOf(x);
    x.respond(status, body);
    run.verdict = 'done';
    return false;
  };
}

/** As ngx_http_script_break_code(). */
function breakStep({ x }: Run): boolean {
  if (x.uriChanged) {
    x.locationValid = false;
    x.uriChanged = false;
  }
  return false;
}

function readSet(site: Site): Assignment {
  const [nameWord, valueWord] = site.words;
  if (nameWord === undefined || valueWord === undefined) throw site.error('invalid number of arguments');
  return {
    name: variableName.read(nameWord, site),
    nameWord,
    value: parseTemplate(valueWord.text, valueWord, site),
  };
}

/** As ngx_http_rewrite_set(). */
function setStep(scope: Scope, { name, nameWord, value }: Assignment): Step {
  const given = scriptValue(scope, value);
  const assignable = scope.assignable(name);
  if (assignable?.assign !== undefined) {
    return ({ x, escaped }) => {
      assignable.assign?.(x, given(x, escaped));
      return true;
    };
  }
  if (scope.isBuiltIn(name)) {
    throw scope.error(
      `the duplicate "${name}" variable`,
      nameWord,
      `nginx has a variable $${name} of its own`,
    );
  }
  let slot = -1;
  scope.declareVariable({
    name,
    weak: true,
    evaluate(x) {
      const known = x.variables[slot];
      if (known !== undefined) return known;
      if (httpRewrite.slice(x).warns) x.log('warn', `using uninitialized "${name}" variable`);
      x.variables[slot] = ''; // one warning a request
      return '';
    },
  });
  slot = scope.variableSlot(name);
  return ({ x, escaped }) => {
    x.variables[slot] = given(x, escaped);
    return true;
  };
}

function ifStep(scope: Scope, entry: Entry): Step {
  const test = conditionTest(scope, entry.value as Condition);
  const inner = scope.inner(entry);
  // A server's `if` holds directives of this module alone, and changes no location.
  const goesInside = scope.context === 'location';
  return (run) => {
    if (!test(run)) return true;
    if (goesInside) {
      run.x.contentBefore = run.x.location.content ?? run.x.contentBefore;
      run.x.location = inner;
    }
    const slice = inner.slices[httpRewrite.number] as RewriteSlice;
    return slice.owner === inner ? runSteps(slice.steps, run) : true;
  };
}
