// ngx_http_access_module: who may come, by address. The first rule that holds decides.
import { directive, type Site, type Word } from '../config/directive.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { type Cidr, type Ip, inCidr, parseIp, readCidr, unmapped } from './cidr.ts';
import { defineModule, type Module, type Verdict } from './module.ts';

const CONTEXTS = ['http', 'server', 'location', 'limit_except'] as const;
const REFUSED = 'invalid parameter "everyone"';

type Block = Cidr | 'all';

export const allow = directive({
  name: 'allow',
  contexts: CONTEXTS,
  inherit: 'none',
  repeat: true,
  args: [{ allowed: 'an address, a block such as 192.168.0.0/16, unix: or all', read: readBlock }],
  doc: 'Lets clients in by address, block of addresses or unix:; all is everyone. The first allow or deny that holds decides.',
  example: 'allow 192.168.1.0/24;',
  refuses: { 'allow everyone;': REFUSED, 'allow 10.0.0.0/33;': 'invalid parameter "10.0.0.0/33"' },
});

export const deny = directive({
  name: 'deny',
  contexts: CONTEXTS,
  inherit: 'none',
  repeat: true,
  args: [{ allowed: 'an address, a block such as 2001:db8::/32, unix: or all', read: readBlock }],
  doc: 'Answers clients with 403, by address, block of addresses or unix:; all is everyone.',
  example: 'deny all;',
  refuses: { 'deny everyone;': REFUSED },
});

interface Rule<B> {
  readonly block: B;
  readonly denies: boolean;
}

/** By family, since `all` stands in each; a client of a family without rules meets none. */
interface AccessSlice {
  readonly inet: readonly Rule<Block>[];
  readonly inet6: readonly Rule<Block>[];
  readonly unix: readonly Rule<Block>[];
}

export const httpAccess: Module<AccessSlice> = defineModule<AccessSlice>({
  name: 'http-access',
  directives: [allow, deny],
  compile(scope) {
    const rules: Rule<Block>[] = [];
    for (const { directive: kind, value } of scope.entries) {
      if (kind === allow || kind === deny) rules.push({ block: value as Block, denies: kind === deny });
    }
    const of = (family: Cidr['family']): Rule<Block>[] =>
      rules.filter(({ block }) => block === 'all' || block.family === family);
    return { inet: of(4), inet6: of(6), unix: of('unix') };
  },
  phases: [
    {
      phase: 'access',
      applies: ({ inet, inet6, unix }) => inet.length + inet6.length + unix.length > 0,
      handler: checkAccess,
    },
  ],
});

function readBlock(word: Word, site: Site): Block {
  const block = word.text === 'all' ? 'all' : readCidr(word, site);
  if (block !== undefined) return block;
  throw site.error(
    `invalid parameter "${word.text}"`,
    word,
    'an address, a block such as 192.168.0.0/16, unix: or all',
  );
}

/** As ngx_http_access_handler(). */
function checkAccess(x: Exchange): Verdict {
  const slice = httpAccess.slice(x);
  const { address } = x.remote;
  if (address.startsWith('unix:')) return decide(x, slice.unix, undefined);
  const ip = parseIp(address);
  if (ip === undefined) return 'next';
  const plain = unmapped(ip);
  // A mapped address meets the rules for IPv4, or those for IPv6 as it stands where there are none.
  if (typeof plain === 'number' && (typeof ip === 'number' || slice.inet.length > 0)) {
    return decide(x, slice.inet, plain);
  }
  return decide(x, slice.inet6, ip);
}

function decide(x: Exchange, rules: readonly Rule<Block>[], ip: Ip | undefined): Verdict {
  const rule = rules.find(({ block }) => block === 'all' || ip === undefined || inCidr(block, ip));
  if (rule === undefined) return 'next';
  if (!rule.denies) return 'allow';
  if (!x.location.core.satisfyAny) x.log('error', 'access forbidden by rule');
  return 403;
}
