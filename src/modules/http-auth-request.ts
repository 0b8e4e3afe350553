// ngx_http_auth_request_module: another location says whether a request may pass: a subrequest's 2xx lets it, 401 and 403 do not.
import { variableName, word } from '../config/argument.ts';
import type { Context } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { template } from '../config/template.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { defineModule, type Verdict } from './module.ts';

const CONTEXTS: readonly Context[] = ['http', 'server', 'location'];

export const authRequest = directive({
  name: 'auth_request',
  contexts: CONTEXTS,
  args: [word],
  default: 'off',
  doc: 'The URI that is asked, with the headers of the request, whether it may pass; off asks nobody.',
  example: 'auth_request /auth;',
  refuses: { 'auth_request;': 'invalid number of arguments in "auth_request" directive' },
});

export const authRequestSet = directive({
  name: 'auth_request_set',
  contexts: CONTEXTS,
  args: [variableName, template],
  repeat: true,
  doc: 'Sets a variable of the request to what the value is in the one that was asked, once that has ended.',
  example: 'auth_request_set $user $upstream_http_x_user;',
  refuses: { 'auth_request_set user x;': 'invalid variable name "user"' },
});

interface Setting {
  readonly value: Render;
  set(x: Exchange, value: string): void;
}

interface Inquiry {
  /** '' asks nobody. */
  readonly uri: string;
  readonly settings: readonly Setting[];
}

export const httpAuthRequest = defineModule<Inquiry>({
  name: 'http-auth-request',
  directives: [authRequest, authRequestSet],
  compile(scope) {
    const uri = scope.get(authRequest);
    return { uri: uri === 'off' ? '' : uri, settings: settingsOf(scope) };
  },
  phases: [{ phase: 'access', applies: ({ uri }) => uri !== '', handler: inquire }],
});

function settingsOf(scope: Scope): readonly Setting[] {
  return scope.all(authRequestSet).map(([name, value]) => {
    const render = scope.render(value);
    const own = scope.assignable(name)?.assign;
    if (own !== undefined) return { value: render, set: own };
    if (scope.isBuiltIn(name)) throw scope.error(`the duplicate "${name}" variable`, value.word);
    const slot = scope.variableSlot(name);
    return {
      value: render,
      set(x: Exchange, text: string) {
        x.variables[slot] = text;
      },
    };
  });
}

/** The subrequest's exchange once it has ended. */
interface Asked {
  child: Exchange | undefined;
}

/** As ngx_http_auth_request_handler(). */
function inquire(x: Exchange): Verdict {
  const { uri, settings } = httpAuthRequest.slice(x);
  const known = x.context<Asked>(httpAuthRequest);
  if (known === undefined) return ask(x, uri);
  const { child } = known;
  if (child === undefined) return 'wait';
  for (const { value, set } of settings) set(x, value(child));
  const { status } = child.answer;
  if (status === 403) return 403;
  if (status === 401) {
    takeChallenges(x, child);
    return 401;
  }
  if (status >= 200 && status < 300) return 'allow';
  x.log('error', `auth request unexpected status: ${status}`);
  return 500;
}

function ask(x: Exchange, uri: string): Verdict {
  const asked: Asked = { child: undefined };
  x.setContext(httpAuthRequest, asked);
  const started = x.startSubrequest({
    uri,
    args: '',
    onlyHead: true,
    done(child) {
      asked.child = child;
    },
  });
  return started ? 'wait' : 500;
}

/** What the answer asks for: its own headers, else those that came from a peer and were hidden. */
function takeChallenges(x: Exchange, child: Exchange): void {
  const own = child.answer.headers.getAll('www-authenticate');
  const challenges = own.length > 0 ? own : (child.upstreamHead?.headers.getAll('www-authenticate') ?? []);
  for (const challenge of challenges) x.answer.headers.add('WWW-Authenticate', challenge);
}
