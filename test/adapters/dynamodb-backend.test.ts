/** Results in DynamoDB, item by item as Celery keeps them. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { after, test } from 'node:test'
import { DynamoDB } from '@aws-sdk/client-dynamodb'
import type { Backend, BackendOptions } from '../../src/backends/backend.ts'
import { createBackend } from '../../src/backends/create-backend.ts'
import { createDynamodbBackend } from '../../src/backends/dynamodb/backend.ts'
import { ImproperlyConfigured } from '../../src/errors.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions, chordPart, KEEP, resultMeta } from '../../src/testing/conformance/backend-session.ts'
import { startDynamodb } from '../support/servers/dynamodb.ts'
import { onEnd } from './fixtures/on-end.ts'

const port = await startDynamodb()
const endpoint = `http://127.0.0.1:${port}`
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
const dynamodb = new DynamoDB({ endpoint, region: 'us-east-1', credentials })
after(() => dynamodb.destroy())

exerciseBackend({
  name: 'dynamodb',
  features: { persistent: true, autoExpire: false, nativeJoin: true, groups: true },
  watch: false,
  manyResults: 300,
  largestResult: 390 * 1024,
  create: (_t, overrides) =>
    createDynamodbBackend(backendOptions(`dynamodb://key:secret@127.0.0.1:${port}/conformance`, overrides)),
})

async function open(t: TestContext, url: string, overrides: Partial<BackendOptions> = {}): Promise<Backend> {
  const backend = await createBackend(backendOptions(url, overrides))
  onEnd(t, () => backend.close())
  return backend
}

async function item(table: string, id: string) {
  const { Item } = await dynamodb.getItem({ TableName: table, Key: { id: { S: id } } })
  return Item
}

test('the table is made with the capacity that the URL names, once for all [4-086]', async (t) => {
  const url = `dynamodb://key:secret@localhost:${port}/made?read=3&write=2`
  const [one, two] = [await open(t, url), await open(t, url)]
  const meta = resultMeta()
  await Promise.all([one.save(meta, KEEP), two.save(resultMeta(), KEEP)])
  assert.deepEqual(await two.load([meta.task_id]), [meta])
  const { Table } = await dynamodb.describeTable({ TableName: 'made' })
  assert.deepEqual(Table?.KeySchema, [{ AttributeName: 'id', KeyType: 'HASH' }])
  assert.equal(Table?.ProvisionedThroughput?.ReadCapacityUnits, 3)
  assert.equal(Table?.ProvisionedThroughput?.WriteCapacityUnits, 2)
})

test("an item has Celery's attributes, and the key as Python shows bytes [4-086] [1-211] [12-024]", async (t) => {
  const backend = await open(t, 'dynamodb://key:secret@eu-west-1/', {
    settings: { dynamodb_endpoint_url: endpoint },
  })
  const meta = resultMeta()
  await backend.save(meta, KEEP)
  const found = await item('celery', `b'celery-task-meta-${meta.task_id}'`)
  assert.deepEqual(Object.keys(found ?? {}).sort(), ['id', 'result', 'timestamp'])
  assert.deepEqual(JSON.parse(Buffer.from(found?.['result']?.B ?? []).toString()), meta)
  assert.match(found?.['timestamp']?.N ?? '', /^\d{10}(\.\d+)?$/)
})

test('a chord is counted in an item of its own, which begins at 0 [4-086]', async (t) => {
  const backend = await open(t, `dynamodb://key:secret@127.0.0.1:${port}/chords`)
  const { chords } = backend
  await chords?.begin?.('group-1', { expires: undefined })
  const id = "b'chord-unlock-group-1'"
  assert.equal((await item('chords', id))?.['chord_count']?.N, '0')
  // As Celery's workers count.
  await dynamodb.updateItem({
    TableName: 'chords',
    Key: { id: { S: id } },
    UpdateExpression: 'set chord_count = chord_count + :num',
    ExpressionAttributeValues: { ':num': { N: '1' } },
  })
  await chords?.add('group-1', chordPart(0), { expires: undefined, size: 3 })
  assert.equal((await item('chords', id))?.['chord_count']?.N, '2')
})

test('items say when they expire, and expired ones are not seen [4-086]', async (t) => {
  const warnings: string[] = []
  const base = `dynamodb://key:secret@127.0.0.1:${port}/expiring`
  const warn = (message: string): void => void warnings.push(message)
  const [lasting, gone] = [
    await open(t, `${base}?ttl_seconds=600`, { warn }),
    await open(t, `${base}?ttl_seconds=0`, { warn }),
  ]
  const [kept, lost] = [resultMeta(), resultMeta()]
  await lasting.save(kept, KEEP)
  await gone.save(lost, KEEP)
  const found = await item('expiring', `b'celery-task-meta-${kept.task_id}'`)
  assert.equal(Number(found?.['ttl']?.N), Math.floor(Number(found?.['timestamp']?.N) + 600))
  assert.deepEqual(await lasting.load([kept.task_id, lost.task_id]), [kept, undefined])
  // The emulator knows nothing of expiry: that is told, and is no reason to keep no results.
  assert.match(warnings[0] ?? '', /table expiring/)
})

test('half a key is refused [4-086]', async () => {
  await assert.rejects(createBackend(backendOptions('dynamodb://key@eu-west-1/')), ImproperlyConfigured)
})

test("a chord of Celery's client, which tells no size, has that of the group it saved [4-052]", async (t) => {
  const backend = await open(t, `dynamodb://key:secret@127.0.0.1:${port}/chords`)
  const { chords, groups } = backend
  const tuple = (id: string): unknown => [[id, null], null]
  await groups?.save(
    'group-2',
    [
      ['group-2', null],
      [tuple('a'), tuple('b')],
    ],
    KEEP,
  )
  await chords?.begin?.('group-2', { expires: undefined })
  const untold = { expires: undefined, size: undefined }
  const added = [
    await chords?.add('group-2', chordPart(0, { id: 'a' }), untold),
    await chords?.add('group-2', chordPart(1, { id: 'b' }), untold),
  ]
  assert.deepEqual(
    added.map((one) => one?.complete),
    [false, true],
  )
})
