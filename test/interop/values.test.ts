/** Values on their way between Python and us: every type, serializer and compression, there and back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Decimal, PlainDate, PlainTime, PreciseDate, Uuid } from '../../src/messaging.ts'
import {
  BROKERS,
  needsPartners,
  startNodeApp,
  startNodeWorker,
  startPartners,
  startPlace,
  startPython,
} from './partners.ts'
import { startPythonClient } from './python-client.ts'

/** kombu's names of what compresses. */
const COMPRESSIONS = ['gzip', 'bzip2', 'brotli', 'zstd', 'xz']

/** Values that every serializer carries. */
const PLAIN_VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    1,
    -1,
    2n ** 53n + 1n,
    0.5,
    '',
    'yes',
    'null',
    '1:30',
    '1e3',
    '~',
    'Größe 大小 🎉',
    'a: b\n- c',
  ],
  ...[[], {}, [1, [2, { a: null }]], { a: [1, { b: null }] }, new Uint8Array([255, 0])],
]

for (const broker of BROKERS) {
  test(`values between Python and us: ${broker}`, needsPartners(broker), async (t) => {
    const partners = await startPartners(t, broker)
    const { python, app } = partners
    await Promise.all([startNodeWorker(t, partners), startPython(t, partners)])
    /** Through a task of theirs. */
    const theirs = async (value: unknown, options = {}): Promise<unknown> =>
      app
        .signature('py.echo', { args: [value] })
        .applyAsync(options)
        .get({ timeout: 60 })

    await t.test(
      'what Python sends comes back the same [5-038..5-042, 5-045..5-048, 5-030, 12-059]',
      async () => {
        const wrong = await python.run(`
        import zoneinfo
        utc, plus = datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        values = [
          None, True, False, 0, -1, 2**31, 2**53, 2**53 + 1, -2**53 - 1, 2**63, 2**64 + 1, 10**30, 0.1, -1.5, 1e-7, 1.5e300,
          float('inf'), float('-inf'), '', 'text', 'Größe 大小 🎉 \\u0000 \\u2028 " \\\\', '__type__', 'NaN', 'a\\ud800b',
          [], {}, [[]], [None], {'a': {'b': [1, {'c': None}]}}, {'': 1, '__proto__': 2, 'constructor': 3}, {'ключ': 'значение'},
          datetime.datetime(2024, 2, 29, 12, 30, 45, tzinfo=utc), datetime.datetime(2024, 2, 29, 12, 30, 45, 123456, tzinfo=utc),
          datetime.datetime(2024, 2, 29, 12, 30, 45, 1, tzinfo=plus), datetime.datetime(2024, 2, 29, 12, 30, 45, 123000),
          datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999),
          datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=utc),
          datetime.date(2024, 2, 29), datetime.date(1, 1, 1), datetime.time(1, 2, 3), datetime.time(23, 59, 59, 999999),
          decimal.Decimal('1.10'), decimal.Decimal('-0'), decimal.Decimal('1E+30'), decimal.Decimal('123456789.123456789123456789'),
          uuid.UUID('12345678-1234-5678-1234-567812345678'), b'', b'ascii', 'ü'.encode(), bytes(range(256)),
          {'deep': [datetime.date(2024, 1, 1), {'more': [uuid.UUID(int=5), decimal.Decimal('0.1'), 2**60]}]},
        ]
        wrong = []
        for value in values:
          back = get('node.echo', value)
          if back != value or repr(back) != repr(value): wrong.append([repr(value), repr(back)])
        back = get('node.echo', [float('nan'), {'x': float('nan')}])
        if not (back[0] != back[0] and back[1]['x'] != back[1]['x']): wrong.append(['nan', repr(back)])
        return wrong`)
        assert.deepEqual(wrong, [])
      },
    )

    await t.test('what we send comes back the same [5-038..5-042, 5-044..5-048, 12-059]', async () => {
      const values: readonly unknown[] = [
        ...[null, true, false, 0, -1, 2 ** 31, 2 ** 53 - 1, 0.1, -1.5, 1e-7, 1.5e300],
        ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
        ...[2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 64n + 1n, 10n ** 30n],
        ...['', 'text', 'Größe 大小 🎉 \u0000 \u2028 " \\', '__type__', 'NaN'],
        ...[
          [],
          {},
          [[]],
          [null],
          { a: { b: [1, { c: null }] } },
          { '': 1, constructor: 3 },
          { ключ: 'значение' },
        ],
        new Date('2024-02-29T12:30:45.123Z'),
        new PreciseDate(Date.UTC(2024, 1, 29), { subMillisecond: 456, offset: 19_800 }),
        new PreciseDate(Date.UTC(2024, 1, 29), { subMillisecond: 0, offset: undefined }),
        ...[PlainDate.parse('2024-02-29'), PlainTime.parse('23:59:59.999999')],
        ...[new Decimal('1.10'), new Decimal('1E+30'), new Uuid('12345678-1234-5678-1234-567812345678')],
        ...[
          new Uint8Array(),
          new TextEncoder().encode('ascii'),
          Uint8Array.from({ length: 256 }, (_, i) => i),
        ],
      ]
      for (const value of values) assert.deepStrictEqual(await theirs(value), value)
      assert.deepStrictEqual(await theirs({ all: values }), { all: values })
    })

    await t.test('Python sees the types it would have sent itself [5-039..5-042, 5-046, 5-047]', async () => {
      const shown: readonly [unknown, string][] = [
        [
          new Date('2024-02-29T12:30:45.123Z'),
          'datetime.datetime(2024, 2, 29, 12, 30, 45, 123000, tzinfo=datetime.timezone.utc)',
        ],
        [PlainDate.parse('2024-02-29'), 'datetime.date(2024, 2, 29)'],
        [PlainTime.parse('01:02:03'), 'datetime.time(1, 2, 3)'],
        [new Decimal('1.10'), "Decimal('1.10')"],
        [new Uuid('12345678-1234-5678-1234-567812345678'), "UUID('12345678-1234-5678-1234-567812345678')"],
        [new Uint8Array([104, 105]), "b'hi'"],
        [new Uint8Array([255]), "b'\\xff'"],
        [2n ** 64n, '18446744073709551616'],
        [1, '1'],
        [1.5, '1.5'],
        [Number.NaN, 'nan'],
        [undefined, 'None'],
        [
          [undefined, new Date(0)],
          '[None, datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)]',
        ],
      ]
      for (const [value, repr] of shown) {
        const [, seen] = assertArray(
          await app
            .signature('py.typed', { args: [value] })
            .delay()
            .get({ timeout: 60 }),
        )
        assert.equal(seen, repr)
      }
    })

    await t.test('large arguments and results [5-018]', async () => {
      const big = 'x→'.repeat(300_000)
      assert.equal(await theirs(big), big)
      assert.equal(
        await python.run(`
          value = {'text': 'x→' * 300_000, 'list': list(range(50_000))}
          return get('node.echo', value) == value`),
        true,
      )
    })

    await t.test('arguments in YAML and MessagePack [5-031, 5-033, 3-011]', async () => {
      for (const serializer of ['yaml', 'msgpack']) {
        assert.deepEqual(
          await python.run(`return changed(serializer, serializer=serializer)`, { serializer }),
          [],
        )
        for (const value of PLAIN_VALUES) assert.deepStrictEqual(await theirs(value, { serializer }), value)
      }
    })

    await t.test('compressed messages [5-016, 5-049, 3-011]', async (t) => {
      const known = assertArray(
        await python.run(
          `
          from kombu import compression
          return [name for name in names if name in compression._aliases]`,
          { names: COMPRESSIONS },
        ),
      )
      const missing = COMPRESSIONS.filter((name) => !known.includes(name))
      if (missing.length > 0) t.diagnostic(`not installed in Python: ${missing.join(', ')}`)
      if (process.env['CI']) assert.deepEqual(missing, [])
      const changed = await python.run(
        `return [name for name in known if get('node.echo', 'Größe ' * 5000, compression=name) != 'Größe ' * 5000]`,
        { known },
      )
      assert.deepEqual(changed, [])
      for (const compression of ['gzip', 'brotli', 'zstd'].filter((name) => known.includes(name))) {
        const value = `Größe ${compression} `.repeat(5000)
        assert.equal(await theirs(value, { compression }), value)
      }
    })
  })
}

for (const serializer of ['yaml', 'msgpack']) {
  test(`results in ${serializer} [5-031, 5-033, 4-054]`, needsPartners('redis'), async (t) => {
    const place = await startPlace(t, 'redis', { settings: { result_serializer: serializer } })
    const node = startNodeApp(t, place, { resultSerializer: serializer })
    const [python] = await Promise.all([
      startPythonClient(t, place.env),
      startNodeWorker(t, node),
      startPython(t, place),
    ])
    assert.deepEqual(await python.run(`return changed(serializer)`, { serializer }), [])
    for (const value of PLAIN_VALUES) {
      const result = node.app.signature('py.echo', { args: [value] }).delay()
      assert.deepStrictEqual(await result.get({ timeout: 60 }), value)
    }
    const answer = await python.run(`return outcome(send('node.fail', 'TypeError'))`)
    assert.ok(typeof answer === 'object' && answer !== null && 'type' in answer)
    assert.equal(answer.type, 'TypeError')
    await assert.rejects(node.app.signature('py.fail').delay().get({ timeout: 60 }), { name: 'ValueError' })
  })
}

function assertArray(value: unknown): unknown[] {
  assert.ok(Array.isArray(value))
  return value
}
