import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { InvalidTaskError, NotRegistered } from '../../../src/errors.ts'
import { sentMessages } from '../app/golden-app.ts'
import { createTestApp } from '../app/test-app.ts'

const app = createTestApp()
const add = app.task('t.add', (x: number, y: number) => x + y)
const sum = app.task('t.sum', (...numbers: number[]) => numbers.reduce((a, b) => a + b, 0))

suite('a signature', () => {
  test('is plain data with Celery’s keys [3-040 3-042 3-057]', () => {
    const signature = app.signature('other.task', {
      args: [1],
      kwargs: { k: 2 },
      immutable: true,
      queue: 'q',
      routingKey: 'r',
    })
    assert.equal(
      JSON.stringify(signature),
      '{"task":"other.task","args":[1],"kwargs":{"k":2},"options":{"queue":"q","routing_key":"r"},' +
        '"subtask_type":null,"immutable":true}',
    )
    assert.equal(signature.name, 'other.task')
    assert.equal(signature.id, undefined)
  })

  test('puts later arguments in front, later names and options on top [3-046]', async () => {
    const own = createTestApp()
    const partial = own.signature('t.x', { args: [3], kwargs: { a: 1, b: 1 }, queue: 'q', priority: 1 })
    await partial.applyAsync([1, 2], { kwargs: { b: 2 }, priority: 5 })
    const [message] = await sentMessages(own, ['q'])
    assert.ok(Array.isArray(message?.body))
    assert.deepEqual(message.body.slice(0, 2), [[1, 2, 3], { a: 1, b: 2 }])
    assert.equal(message.properties['priority'], 5)
    assert.deepEqual(partial.toJSON().args, [3])
  })

  test('that is immutable ignores arguments, not options [3-047]', async () => {
    const own = createTestApp()
    const fixed = own.signature('t.x', { args: [3], immutable: true })
    await fixed.applyAsync([1, 2], { kwargs: { b: 2 }, queue: 'q' })
    const [message] = await sentMessages(own, ['q'])
    assert.ok(Array.isArray(message?.body))
    assert.deepEqual(message.body.slice(0, 2), [[3], {}])
  })

  test('keeps its group, whatever is set later [3-048]', async () => {
    const own = createTestApp()
    const member = own.signature('t.x', { groupId: 'mine' })
    await member.applyAsync({ groupId: 'other', groupIndex: 3 })
    const [message] = await sentMessages(own, ['celery'])
    assert.equal(message?.headers['group'], 'mine')
    assert.equal(message?.headers['group_index'], 3)
  })

  test('ignores null among later options [3-049]', async () => {
    const own = createTestApp()
    await own.signature('t.x', { queue: 'q' }).applyAsync({ queue: null })
    assert.equal((await sentMessages(own, ['q'])).length, 1)
  })

  test('is cloned without anything in common [3-050]', () => {
    const original = add.s(1, 2).set({ headers: { a: 1 }, link: [add.s(5)] })
    const clone = original.clone({ priority: 3 })
    clone.set({ queue: 'q' }).link(add.s(9))
    assert.deepEqual(Object.keys(original.options), ['headers', 'link'])
    assert.equal(Array.isArray(original.toJSON().options['link']), true)
    assert.deepEqual(clone.toJSON().options['priority'], 3)
    assert.notEqual(clone.options['headers'], original.options['headers'])
    const replaced = original.replace({ args: [7], options: { queue: 'z' } })
    assert.deepEqual([replaced.args, replaced.options, original.args], [[7], { queue: 'z' }, [1, 2]])
  })

  test('is set in place [3-050]', () => {
    const signature = add.s(1, 2)
    assert.equal(signature.set({ countdown: '1m', immutable: true }), signature)
    assert.deepEqual(signature.options, { countdown: 60 })
    assert.equal(signature.immutable, true)
  })

  test('is frozen once: the id stays [3-052]', async () => {
    const signature = add.s(1, 2)
    const result = signature.freeze({ groupId: 'g', groupIndex: 0, rootId: 'r' })
    assert.equal(signature.id, result.id)
    assert.equal(signature.freeze({ id: 'another', groupId: 'h' }).id, result.id)
    assert.deepEqual(signature.options, {
      task_id: result.id,
      root_id: 'r',
      reply_to: app.oid,
      group_id: 'g',
      group_index: 0,
    })
    assert.equal(signature.rootId, 'r')
    assert.equal((await signature.delay()).id, result.id)
  })

  test('is linked once to equal ones, and follows its links [3-053 3-054]', () => {
    const signature = add.s(1, 2)
    signature.link(add.s(3).set({ link: add.s(4) })).link(add.s(3).set({ link: add.s(4) }))
    signature.linkError(sum.s()).linkError(sum.s())
    const { link, link_error: linkError } = signature.toJSON().options
    assert.ok(Array.isArray(link) && Array.isArray(linkError))
    assert.deepEqual([link.length, linkError.length], [1, 1])
    assert.deepEqual(signature.flattenLinks().map(String), ['t.add(1, 2)', 't.add(3)', 't.add(4)'])
  })

  test('shows itself as a call [3-056]', () => {
    assert.equal(
      String(app.signature('t.x', { args: [1, 'a', [2]], kwargs: { k: null } })),
      "t.x(1, 'a', [2], k=None)",
    )
  })

  test('of a task that is not known here is sent by its name, and cannot run here [3-058]', async () => {
    const own = createTestApp()
    await own.signature('nobody.knows').delay()
    assert.equal((await sentMessages(own, ['celery'])).length, 1)
    await assert.rejects(own.signature('nobody.knows').apply(), NotRegistered)
  })
})

suite('signatures made of data', () => {
  test('are what they were [3-040 3-041 3-182]', () => {
    const workflow = {
      task: 'celery.chord',
      args: [],
      kwargs: {
        kwargs: {},
        header: {
          task: 'celery.group',
          args: [],
          kwargs: {
            tasks: [
              {
                task: 't.add',
                args: [1, 1],
                kwargs: {},
                options: { task_id: 'a' },
                subtask_type: null,
                immutable: false,
              },
              {
                task: 'celery.chain',
                args: [],
                kwargs: {
                  tasks: [
                    {
                      task: 't.add',
                      args: [1],
                      kwargs: {},
                      options: {},
                      subtask_type: null,
                      immutable: true,
                    },
                  ],
                },
                options: {},
                subtask_type: 'chain',
                immutable: false,
              },
            ],
          },
          options: { task_id: 'g' },
          subtask_type: 'group',
          immutable: false,
        },
        body: {
          task: 't.sum',
          args: [],
          kwargs: {},
          options: { link: [] },
          subtask_type: null,
          immutable: false,
        },
      },
      options: { task_id: 'g' },
      subtask_type: 'chord',
      immutable: false,
    }
    const signature = app.signatureFrom(workflow)
    assert.equal(signature.subtaskType, 'chord')
    assert.equal(signature.members.length, 2)
    assert.equal(signature.chordSize, 1)
    const data = signature.toJSON()
    // As in Python a header that comes as a group is a list from then on.
    assert.deepEqual(data.kwargs['header'], workflow.kwargs.header.kwargs.tasks)
    assert.deepEqual(data.kwargs['body'], workflow.kwargs.body)
    assert.deepEqual(app.signatureFrom(data).toJSON(), data)
    assert.equal(app.signatureFrom(signature), signature)
  })

  test('may lack what has a default, and have what nobody knows any more [3-040]', () => {
    const signature = app.signatureFrom({ task: 't.add', chord_size: 3 })
    assert.deepEqual(signature.toJSON(), {
      task: 't.add',
      args: [],
      kwargs: {},
      options: {},
      subtask_type: null,
      immutable: false,
    })
  })

  test('that are none are refused, also inside and when they never end', () => {
    const group = (tasks: unknown): unknown => ({
      task: 'celery.group',
      kwargs: { tasks },
      subtask_type: 'group',
    })
    assert.throws(() => app.signatureFrom({ args: [] }), InvalidTaskError)
    assert.throws(() => app.signatureFrom(group([5])), /signature\.tasks\[0\]/)
    let deep: unknown = { task: 't.add', args: [] }
    for (let level = 0; level < 1000; level += 1) deep = group([deep])
    assert.throws(() => app.signatureFrom(deep), /nested too deeply/)
  })
})
