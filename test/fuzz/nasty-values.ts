/** Values and bodies that have broken somebody's program before. */

/** What can stand in the place of any value. */
export const NASTY_VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -0, 1, -1, 0.5, 2 ** 31, -(2 ** 31), 2 ** 53, 1e21, 1e308, -1e308, 5e-324],
  ...[
    '',
    ' ',
    '0',
    '-1',
    'NaN',
    'null',
    'fuzz.echo',
    'celery',
    '__proto__',
    'constructor',
    'toString',
    'then',
  ],
  ...['\u0000', '\ud800', 'x'.repeat(10_000), '%s%n', '../../etc/passwd', '#{x}', '\r\nHTTP/1.1'],
  ...[
    '2020-01-01T00:00:00+00:00',
    '2020-01-01T00:00:00',
    '9999-12-31T23:59:59.999999+00:00',
    '0001-01-01T00:00:00',
  ],
  ...[
    '2030-13-45T99:99:99',
    '2020-02-30',
    '+275760-09-13T00:00:00Z',
    '1970-01-01T00:00:00-23:59',
    '2020-W10-1',
  ],
  ...[
    [],
    [[]],
    [null],
    [null, null],
    [0.001, null],
    [null, 0.001],
    [1e308, 1e308],
    [-1, -1],
    ['1', '2'],
    [1, 2, 3],
  ],
  ...[
    {},
    { __type__: 'datetime', __value__: 'x' },
    { __type__: 'nonsense', __value__: 1 },
    JSON.parse('{"then": 1, "toJSON": 1}'),
  ],
  ...[
    { task: 'fuzz.echo' },
    [{ task: 'fuzz.echo' }],
    { task: 'fuzz.echo', args: [], kwargs: {}, options: {} },
  ],
  ...[
    { length: 1e9 },
    { asTuple: 1 },
    JSON.parse('{"__proto__": {"polluted": true}}'),
    nested(200),
    nested(1000),
  ],
]

/** Bodies of messages, whatever they claim to be. */
export const NASTY_TEXTS: readonly string[] = [
  ...[
    '',
    '[',
    '{}',
    'null',
    '[]',
    '[[]]',
    '[[],{}]',
    '[[],{},null]',
    '[null,null,null]',
    '[1,2,3]',
    '"text"',
    '[{},[],{}]',
  ],
  ...[
    '[[NaN,Infinity,-Infinity],{},{}]',
    '[[1e999],{},{}]',
    `[[${'9'.repeat(5000)}],{},{}]`,
    '[[],{"self":1},{}]',
  ],
  ...[
    '[[],{"__proto__":{"polluted":true}},{}]',
    '[[{"__proto__":{"polluted":true}}],{},{"__proto__":{"chain":[1]}}]',
  ],
  ...[
    '[[],{"constructor":{"prototype":{"polluted":true}}},{}]',
    '\ufeff[[],{},{}]',
    '[[],{},{}]garbage',
    '[[],{},{}]\u0000',
  ],
  ...[
    '[[{"__type__":"bytes","__value__":5}],{},{}]',
    '[[{"__type__":"decimal","__value__":"1e999999999"}],{},{}]',
  ],
  ...[
    '['.repeat(100_000),
    `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    `[[${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}],{},{}]`,
  ],
  ...[`[["${'x'.repeat(2_000_000)}"],{},{}]`, `[[${'1,'.repeat(200_000)}1],{},{}]`],
]

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}
