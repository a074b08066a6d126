import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { describeException, readException, tripleRepr } from '../../src/protocol/exception-info.ts'
import type { ResultMeta, ResultTuple } from '../../src/protocol/result-meta.ts'
import { buildResultMeta, readResultMeta } from '../../src/protocol/result-meta.ts'
import { readResultTuple, tupleOfNode } from '../../src/protocol/result-tuple.ts'
import { EXCEPTION_STATES } from '../../src/protocol/states.ts'
import { isRecord } from '../../src/util/is-record.ts'

/** Documents as text, by `entry#index`, of those entries that are JSON in UTC. */
function load(prefix: string): Map<string, string> {
  const document: unknown = JSON.parse(
    readFileSync(new URL('vectors/results-redis.json', import.meta.url), 'utf8'),
  )
  const vectors = new Map<string, string>()
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  for (const { name, keys } of document['entries']) {
    if (/^(serializer-|timezone)/.test(name)) continue
    let index = 0
    for (const [key, stored] of Object.entries(keys ?? {})) {
      if (key.includes(prefix) && isRecord(stored) && typeof stored['value'] === 'string') {
        vectors.set(`${name}#${index++}`, stored['value'])
      }
    }
  }
  return vectors
}

function tuples(meta: ResultMeta): ResultTuple[] {
  return (meta.children ?? []).map((child) => {
    const node = readResultTuple(child)
    assert.ok(node)
    return tupleOfNode(node)
  })
}

const documents = load('celery-task-meta-')

/** The document, built anew from what was read of it; times are to the millisecond. */
function rebuilt(meta: ResultMeta, result: unknown): ResultMeta {
  const stamped = meta.stamped_headers ?? []
  return buildResultMeta({
    id: meta.task_id,
    state: meta.status,
    result,
    traceback: meta.traceback ?? undefined,
    now: Date.parse('2030-01-02T03:04:05.678Z'),
    request:
      meta.children === null
        ? undefined
        : {
            groupId: meta.group_id,
            parentId: meta.parent_id,
            children: tuples(meta),
            extended:
              meta.name === undefined
                ? undefined
                : {
                    name: meta.name ?? undefined,
                    args: meta.args,
                    kwargs: meta.kwargs,
                    worker: meta.worker ?? undefined,
                    retries: meta.retries ?? 0,
                    queue: meta.queue ?? undefined,
                    stampedHeaders: stamped,
                    stamps: Object.fromEntries(stamped.map((stamp) => [stamp, meta[stamp]])),
                  },
          },
  })
}

suite('documents of Celery 5.6 are read, and written again alike', () => {
  test('all [4-031 4-032 4-033 4-034 4-035 4-036 4-037 4-038 4-042 4-044 12-028]', () => {
    assert.ok(documents.size >= 90, `only ${documents.size} documents`)
    for (const [name, text] of documents) {
      const meta = readResultMeta(JSON.parse(text))
      const expected = text.replace('05.678901+00:00', '05.678000+00:00')
      // Compared as texts, so that the order of the keys counts, too.
      const again = JSON.stringify(rebuilt(meta, meta.result))
      assert.equal(again, JSON.stringify(JSON.parse(expected)), name)
    }
  })

  test('errors, too [4-039 4-040 4-043]', () => {
    let errors = 0
    for (const [name, text] of documents) {
      const meta = readResultMeta(JSON.parse(text))
      if (!EXCEPTION_STATES.has(meta.status) || name.includes('unpickleable')) continue
      errors += 1
      const triple = describeException(readException(meta.result))
      assert.deepEqual(triple, meta.result, name)
    }
    assert.ok(errors >= 35, `only ${errors} errors`)
  })
})

test('groups, nested and with parents [4-042]', () => {
  const groups = [...load('celery-taskset-meta-')].filter(([, text]) => text.startsWith('{'))
  assert.ok(groups.length >= 8, `only ${groups.length} groups`)
  for (const [name, text] of groups) {
    const { result } = JSON.parse(text)
    const node = readResultTuple(result)
    assert.ok(node?.children, name)
    assert.deepEqual(tupleOfNode(node), result, name)
  }
})

test("an error's text is Celery's, as in ChordError [3-107]", () => {
  const text = documents.get('failure-golden#0')
  assert.ok(text)
  const error = readException(JSON.parse(text).result)
  assert.equal(tripleRepr(describeException(error)), "GoldenError('it broke', 42)")
})
