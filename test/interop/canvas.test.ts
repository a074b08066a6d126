/** Workflows whose tasks run partly in a Python worker and partly in one of ours, sent by either client. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnySignature } from '../../src/canvas.ts'
import { chain, chord, chunks, group, xmap, xstarmap } from '../../src/canvas.ts'
import { ChordError, GroupResult } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import {
  BROKERS,
  needsPartners,
  notes,
  openGate,
  readBook,
  startNodeWorker,
  startPartners,
  startPython,
} from './partners.ts'

/** Makes signatures: `node('add', 1, 1)`. `immutable` ones ignore what comes before. */
interface Makers {
  readonly node: (name: string, ...args: unknown[]) => AnySignature
  readonly py: (name: string, ...args: unknown[]) => AnySignature
  readonly immutable: (signature: AnySignature) => AnySignature
}

/** A workflow in both languages, and its value. */
interface Workflow {
  readonly python: string
  readonly ours: (make: Makers) => AnySignature
  readonly value: unknown
}

const CHAINS: readonly Workflow[] = [
  {
    python: `chain(node('add', 1, 1), py('add', 10), node('mul', 2))`,
    ours: ({ node, py }) => chain([node('add', 1, 1), py('add', 10), node('mul', 2)]),
    value: 24,
  },
  {
    python: `chain(py('add', 1, 1), node('add', 10), py('mul', 2), node('mul', 2))`,
    ours: ({ node, py }) => chain([py('add', 1, 1), node('add', 10), py('mul', 2), node('mul', 2)]),
    value: 48,
  },
  {
    python: `chain(node('add', 1, 1), immutable(py('add', 5, 5)), node('mul', 2))`,
    ours: ({ node, py, immutable }) => chain([node('add', 1, 1), immutable(py('add', 5, 5)), node('mul', 2)]),
    value: 20,
  },
  {
    python: `chain(chain(py('add', 1, 1), node('add', 1)), chain(py('mul', 2), node('mul', 3)))`,
    ours: ({ node, py }) =>
      chain([chain([py('add', 1, 1), node('add', 1)]), chain([py('mul', 2), node('mul', 3)])]),
    value: 18,
  },
  {
    python: `chain(node('replace', 1), py('mul', 2))`,
    ours: ({ node, py }) => chain([node('replace', 1), py('mul', 2)]),
    value: 202,
  },
  {
    python: `chain(py('replace', 1), node('mul', 2))`,
    ours: ({ node, py }) => chain([py('replace', 1), node('mul', 2)]),
    value: 202,
  },
]

const GROUPS: readonly Workflow[] = [
  {
    python: `group(node('add', 1, 1), py('add', 2, 2), node('add', 3, 3), py('add', 4, 4))`,
    ours: ({ node, py }) => group([node('add', 1, 1), py('add', 2, 2), node('add', 3, 3), py('add', 4, 4)]),
    value: [2, 4, 6, 8],
  },
  {
    python: `chain(node('add', 1, 1), group(py('add', 1), node('add', 2)))`,
    ours: ({ node, py }) => chain([node('add', 1, 1), group([py('add', 1), node('add', 2)])]),
    value: [3, 4],
  },
  {
    python: `group(chain(node('add', 1, 1), py('mul', 5)), chain(py('add', 2, 2), node('mul', 5)))`,
    ours: ({ node, py }) =>
      group([chain([node('add', 1, 1), py('mul', 5)]), chain([py('add', 2, 2), node('mul', 5)])]),
    value: [10, 20],
  },
]

const CHORDS: readonly Workflow[] = [
  {
    python: `chord([node('add', 1, 1), py('add', 2, 2)], py('xsum'))`,
    ours: ({ node, py }) => chord([node('add', 1, 1), py('add', 2, 2)], py('xsum')),
    value: 6,
  },
  {
    python: `chord([node('add', 1, 1), py('add', 2, 2)], node('xsum'))`,
    ours: ({ node, py }) => chord([node('add', 1, 1), py('add', 2, 2)], node('xsum')),
    value: 6,
  },
  {
    python: `chord([[node, py][n % 2]('add', n, 0) for n in range(20)], node('echo'))`,
    ours: ({ node, py }) =>
      chord(
        Array.from({ length: 20 }, (_, n) => (n % 2 ? py : node)('add', n, 0)),
        node('echo'),
      ),
    value: Array.from({ length: 20 }, (_, n) => n),
  },
  {
    python: `chain(node('add', 1, 1), group(py('add', 1), node('add', 2)), node('xsum'), py('mul', 10))`,
    ours: ({ node, py }) =>
      chain([node('add', 1, 1), group([py('add', 1), node('add', 2)]), node('xsum'), py('mul', 10)]),
    value: 70,
  },
  {
    python: `chord([chain(node('add', 1, 1), py('mul', 3)), chain(py('add', 2, 2), node('mul', 5))], node('xsum'))`,
    ours: ({ node, py }) =>
      chord(
        [chain([node('add', 1, 1), py('mul', 3)]), chain([py('add', 2, 2), node('mul', 5)])],
        node('xsum'),
      ),
    value: 26,
  },
  {
    python: `chord([chord([node('add', 1, 1), py('add', 2, 2)], node('xsum')), py('add', 1, 1)], py('echo'))`,
    ours: ({ node, py }) =>
      chord([chord([node('add', 1, 1), py('add', 2, 2)], node('xsum')), py('add', 1, 1)], py('echo')),
    value: [6, 2],
  },
  {
    python: `chord([node('add', 1, 1), py('add', 1, 2)], group(node('xsum'), py('xsum')))`,
    ours: ({ node, py }) => chord([node('add', 1, 1), py('add', 1, 2)], group([node('xsum'), py('xsum')])),
    value: [5, 5],
  },
  {
    python: `chord([node('add', 1, 1), py('add', 1, 2)], chain(node('xsum'), py('add', 1), node('mul', 2)))`,
    ours: ({ node, py }) =>
      chord([node('add', 1, 1), py('add', 1, 2)], chain([node('xsum'), py('add', 1), node('mul', 2)])),
    value: 12,
  },
  {
    python: `chord([node('add', 1, 1)], py('echo'))`,
    ours: ({ node, py }) => chord([node('add', 1, 1)], py('echo')),
    value: [2],
  },
  {
    python: `chord([], node('echo'))`,
    ours: ({ node }) => chord([], node('echo')),
    value: [],
  },
  {
    python: `chord([node('replace', 1), py('replace', 2)], node('xsum'))`,
    ours: ({ node, py }) => chord([node('replace', 1), py('replace', 2)], node('xsum')),
    value: 203,
  },
  {
    python: `chain(group(node('add', 1, 1), py('add', 1, 2)), group(node('xsum'), py('xsum')), py('echo'))`,
    ours: ({ node, py }) =>
      chain([group([node('add', 1, 1), py('add', 1, 2)]), group([node('xsum'), py('xsum')]), py('echo')]),
    value: [5, 5],
  },
]

for (const broker of BROKERS) {
  test(`workflows across both worlds: ${broker}`, needsPartners(broker), async (t) => {
    const partners = await startPartners(t, broker)
    const { python, app } = partners
    const [worker] = await Promise.all([startNodeWorker(t, partners), startPython(t, partners)])
    const make: Makers = {
      node: (name, ...args) => app.signature(`node.${name}`, { args }),
      py: (name, ...args) => app.signature(`py.${name}`, { args }),
      immutable(signature) {
        signature.setImmutable(true)
        return signature
      },
    }
    const checkAll = async (workflows: readonly Workflow[]): Promise<void> => {
      for (const { python: expression, ours, value } of workflows) {
        assert.deepEqual(await python.run(`return value((${expression}).delay())`), value, expression)
        assert.deepEqual(await ours(make).send([]).get({ timeout: 60 }), value, `ours: ${expression}`)
      }
    }

    await t.test('chains [3-060, 3-061, 3-063, 3-066, 3-067, 3-122, 5-019, 2-145, 2-147]', () =>
      checkAll(CHAINS),
    )

    await t.test('groups [3-070, 3-074, 3-125, 3-128, 5-007]', () => checkAll(GROUPS))

    await t.test('chords [3-082, 3-083, 3-087, 3-090, 3-091, 3-161, 3-166, 3-167, 4-068, 5-020]', () =>
      checkAll(CHORDS),
    )

    await t.test('a large chord across both [3-172]', async () => {
      const value = await python.run(
        `return value(chord([[node, py][n % 2]('add', n, 0) for n in range(400)], node('xsum')).delay())`,
      )
      assert.equal(value, 79_800)
      const { node, py } = make
      const header = Array.from({ length: 400 }, (_, n) => (n % 2 ? py : node)('add', n, 0))
      assert.equal(await chord(header, py('xsum')).send([]).get({ timeout: 60 }), 79_800)
    })

    await t.test('nothing of these chords stays in Redis [4-068]', async () => {
      await eventually(async () => {
        assert.deepEqual(await partners.redis.command('KEYS celery-taskset-meta-*.*'), [])
      })
    })

    await t.test('workflows as JSON are rebuilt by the other side [3-040, 3-043..3-045, 3-182]', async () => {
      for (const { python: expression, ours, value } of [...CHAINS, ...GROUPS, ...CHORDS]) {
        const theirs = await python.run(`return json.loads(json.dumps(${expression}))`)
        assert.deepEqual(await app.signatureFrom(theirs).send([]).get({ timeout: 60 }), value, expression)
        const data = JSON.parse(JSON.stringify(ours(make)))
        const answer = await python.run(`return value(signature(data, app=app).delay())`, { data })
        assert.deepEqual(answer, value, `ours: ${expression}`)
      }
    })

    await t.test('map, starmap and chunks run where the task is [3-096, 3-098]', async () => {
      const answers = await python.run(`
        from celery import chunks
        from celery.canvas import xmap, xstarmap
        return [
          value(xmap(sig('node.xsum'), [[1, 2], [3]], app=app).apply_async(queue='node')),
          value(xstarmap(sig('node.add'), [(1, 2), (3, 4)], app=app).apply_async(queue='node')),
          value(chunks(sig('node.add'), [(1, 2), (3, 4), (5, 6)], 2, app=app).apply_async(queue='node')),
        ]`)
      assert.deepEqual(answers, [
        [3, 3],
        [3, 7],
        [[3, 7], [11]],
      ])
    })

    await t.test('ids of parents, roots and groups [3-133, 3-152, 4-036, 5-007]', async () => {
      const requests = await python.run(`
        last = chain(node('request'), py('request'), node('request')).delay()
        value(last)
        members = group(node('request'), py('request')).delay()
        return [[r.get() for r in (last.parent.parent, last.parent, last)], value(members), members.id]`)
      assert.ok(Array.isArray(requests))
      const [linked, members, group]: readonly unknown[] = requests
      checkChainIds(linked)
      assert.ok(Array.isArray(members))
      assert.deepEqual(
        members.map((member) => [member.group, member.group_index]),
        [
          [group, 0],
          [group, 1],
        ],
      )
      const { node, py } = make
      const last = await chain([node('request'), py('request'), node('request')]).send([])
      await last.get({ timeout: 60 })
      checkChainIds(
        await Promise.all([last.parent?.parent, last.parent, last].map((result) => result?.get())),
      )
    })

    await t.test('an error ends a chain wherever it happens [3-068, 3-127, 4-066]', async () => {
      for (const [failing, type] of [
        ['node', 'RangeError'],
        ['py', 'ValueError'],
      ] as const) {
        const states = await python.run(
          `
          last = chain(py('add', 1, 1), immutable(sig(failing + '.fail', kind)), node('add', 1), py('add', 1)).delay()
          end = outcome(last)
          # Python's worker sends the next task of a chain before it stores the result of the last one.
          links = [last, last.parent, last.parent.parent, last.parent.parent.parent]
          until(lambda: all(r.ready() for r in links))
          return [end['type'], *(r.state for r in links)]`,
          { failing, kind: type },
        )
        assert.deepEqual(states, [type, 'FAILURE', 'FAILURE', 'FAILURE', 'SUCCESS'])
        const fail = make.immutable(app.signature(`${failing}.fail`, { args: [type] }))
        const last = await chain([make.py('add', 1, 1), fail, make.node('add', 1), make.py('add', 1)]).send(
          [],
        )
        await assert.rejects(last.get({ timeout: 60 }), { name: type })
        await assert.rejects(last.get({ timeout: 60, followParents: false }), { name: type })
        await eventually(async () => (await last.parent?.failed()) === true)
      }
    })

    await t.test(
      'an error in the header fails the body, whoever comes last [3-107, 3-113, 3-115, 3-169]',
      async () => {
        let count = 0
        for (const [failing, waiting, type, repr] of [
          ['node', 'py', 'RangeError', /^Dependency (\S+) raised RangeError\('too much',?\)$/],
          ['py', 'node', 'ValueError', /^Dependency (\S+) raised ValueError\('no good',?\)$/],
        ] as const) {
          for (const body of ['node', 'py']) {
            const book = `chord-${++count}`
            const sent = await python.run(
              `
            workflow = chord([sig(failing + '.fail', type), sig(waiting + '.gate', book + '-gate')],
                             sig(body + '.xsum').on_error(sig(body + '.any_errback', book)))
            result = workflow.delay()
            failed, waits = result.parent.results
            outcome(failed)
            return [result.id, failed.id]`,
              { failing, waiting, body, type, book },
            )
            assert.ok(Array.isArray(sent))
            openGate(partners, `${book}-gate`)
            const end = await python.run(`return outcome(AsyncResult(id, app=app))`, { id: sent[0] })
            assert.ok(typeof end === 'object' && end !== null && 'type' in end && 'text' in end)
            assert.equal(end.type, 'ChordError')
            assert.equal(repr.exec(String(end.text))?.[1], sent[1])
            const { node, py } = make
            const ours = await chord(
              [
                (failing === 'node' ? node : py)('fail', type),
                (waiting === 'node' ? node : py)('gate', `${book}-gate`),
              ],
              (body === 'node' ? node : py)('xsum'),
            ).send([])
            await assert.rejects(ours.get({ timeout: 60 }), (error) => {
              assert.ok(error instanceof ChordError)
              assert.match(error.message, repr)
              return true
            })
            // Old style where the errback is not registered with the one that calls it, else new style.
            const [told] = await notes(partners, book)
            assert.ok(JSON.stringify(told).includes(String(sent[0])), `${book}: ${JSON.stringify(told)}`)
            assert.equal(readBook(partners, book).length, 1)
          }
        }
      },
    )

    await t.test('an errback of a chain is called once [3-064, 3-119, 3-176]', async () => {
      await python.run(`
        workflow = chain(node('add', 1, 1), immutable(py('fail')), node('add', 1))
        workflow.on_error(node('old_errback', 'chain-errback'))
        outcome(workflow.delay())
        workflow = chain(py('add', 1, 1), immutable(node('fail')), py('add', 1))
        workflow.on_error(py('old_errback', 'chain-errback'))
        outcome(workflow.delay())`)
      await notes(partners, 'chain-errback', 2)
      await worker.state.whenIdle()
      assert.equal(readBook(partners, 'chain-errback').length, 2)
    })

    await t.test('a group that one client saves the other restores [4-026, 4-046]', async () => {
      const id = await python.run(`
        result = group(node('add', 1, 1), py('add', 2, 2)).delay()
        result.save()
        return result.id`)
      assert.ok(typeof id === 'string')
      const restored = await GroupResult.restore(id, app.resultContext)
      assert.deepEqual(await restored?.get({ timeout: 60 }), [2, 4])
      const ours = await group([make.node('add', 3, 3), make.py('add', 4, 4)]).send([])
      await ours.save()
      assert.deepEqual(
        await python.run(`return value(GroupResult.restore(id, app=app))`, { id: ours.id }),
        [6, 8],
      )
    })

    await t.test('our map, starmap and chunks run in Python [2-122, 3-096, 3-097, 3-098]', async () => {
      const { py, node } = make
      const pairs = [
        [1, 2],
        [3, 4],
        [5, 6],
      ]
      // Routed like the task itself.
      assert.deepEqual(await xmap(py('xsum'), pairs).delay().get({ timeout: 60 }), [3, 7, 11])
      assert.deepEqual(await xstarmap(py('add'), pairs).delay().get({ timeout: 60 }), [3, 7, 11])
      assert.deepEqual(await chunks(py('add'), pairs, 2).delay().get({ timeout: 60 }), [[3, 7], [11]])
      const tail = chain([chunks(py('add'), pairs, 2), node('echo')])
      assert.deepEqual(await tail.send([]).get({ timeout: 60 }), [[3, 7], [11]])
      // As data they are those of Python.
      const data = JSON.parse(JSON.stringify([xmap(py('xsum'), pairs), chunks(py('add'), pairs, 2)]))
      const answer = await python.run(
        `return [value(signature(data[0], app=app).apply_async(queue='py')), data[1]['kwargs']['n']]`,
        { data },
      )
      assert.deepEqual(answer, [[3, 7, 11], 2])
    })

    await t.test(
      'a chain of 20, chords of 50 and nested groups across both [3-060, 3-153, 3-172]',
      async () => {
        const { node, py } = make
        const either = (index: number): Makers['py'] => (index % 2 ? py : node)
        const steps = Array.from({ length: 20 }, (_, n) => either(n)('add', ...(n === 0 ? [1, 1] : [1])))
        assert.equal(await chain(steps).send([]).get({ timeout: 60 }), 21)
        const header = Array.from({ length: 50 }, (_, n) => either(n)('add', n, 0))
        const nested = chain([group([group(header), py('add', 0, 1)]), node('echo'), py('echo')])
        const value = await nested.send([]).get({ timeout: 60 })
        assert.ok(Array.isArray(value) && value.length === 51)
        const pair = (n: number): AnySignature => group([either(n)('add', 1), either(n + 1)('add', 1)])
        const chords = chain([
          node('add', 1, 0),
          ...Array.from({ length: 6 }, (_, n) => [pair(n), either(n)('xsum')]).flat(),
        ])
        // Each doubles what came before, and two.
        assert.equal(await chords.send([]).get({ timeout: 60 }), 190)
      },
    )

    await t.test('our stamps arrive in Python, and come back [3-183, 3-184, 3-189]', async () => {
      const { node, py } = make
      const workflow = chain([node('request'), py('request'), node('request')])
      const last = await workflow.stamp({ customer: 'c1' }).send([])
      const requests = await Promise.all(
        [last, last.parent, last.parent?.parent].map((result) => result?.get({ timeout: 60 })),
      )
      assert.deepEqual(
        requests.map((request) => Object(request).stamps),
        Array.from({ length: 3 }, () => ({ customer: 'c1' })),
      )
    })

    await t.test('stamps go through a chain across both [3-183, 3-191]', async () => {
      const stamps = await python.run(`
        workflow = chain(node('request'), py('request'), node('request'))
        workflow.stamp(customer='c1')
        last = workflow.delay()
        value(last)
        return [r.get()['stamps'] for r in (last, last.parent, last.parent.parent)]`)
      assert.deepEqual(
        stamps,
        Array.from({ length: 3 }, () => ({ customer: 'c1' })),
      )
    })
  })
}

/** Three requests, one after the other. */
function checkChainIds(requests: unknown): void {
  assert.ok(Array.isArray(requests))
  const [first, second, third] = requests
  assert.deepEqual([first.parent_id, second.parent_id, third.parent_id], [null, first.id, second.id])
  assert.deepEqual([first.root_id, second.root_id, third.root_id], [first.id, first.id, first.id])
}
