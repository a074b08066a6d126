import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runProgram } from '../../../src/cli/program.ts'
import { Celery } from '../../../src/index.ts'
import { testIo } from './fake-app.ts'

async function draw(
  ...words: readonly string[]
): Promise<{ nodes: string[]; edges: string[]; text: string }> {
  const app = new Celery('drawn', {
    broker: 'redis://:secret@localhost:6379',
    backend: 'redis://localhost/1',
    setAsCurrent: false,
  })
  const io = testIo()
  assert.equal(await runProgram(['graph', 'workers', ...words], io, { app, reference: '' }), 0, io.errors())
  const text = io.output()
  const edges = [...text.matchAll(/^ {4}"(.+?)" -> "(.+?)"/gm)].map(([, from, to]) => `${from} > ${to}`)
  const nodes = [...text.matchAll(/^ {4}"([^"]+)" \[.*?(?:label="(.+?)")?\];$/gm)]
  return {
    text,
    edges,
    nodes: nodes.filter(([all]) => !all.includes('->')).map(([, id, label]) => label ?? id ?? ''),
  }
}

test('workers are drawn with their processes, broker and backend, as Celery draws them [6-036]', async () => {
  const { nodes, edges, text } = await draw('nodes:w1,w2', 'threads:2,5')
  const broker = 'redis://:**@localhost:6379'
  const backend = 'redis://localhost/1'
  assert.match(text, /^digraph workers \{\n/)
  assert.deepEqual(nodes, [broker, backend, 'w1', '0', '1', 'w2', '0', 'P⎨…₃⎬', '4'])
  assert.deepEqual(edges, [
    ...[`w1 > ${broker}`, `w1 > ${backend}`, 'thr-1 > w1', 'thr-2 > w1'],
    ...[`w2 > ${broker}`, `w2 > ${backend}`, 'thr-3 > w2', 'thr-4 > w2', 'thr-5 > w2'],
  ])
})

test('many workers are abbreviated, counted, and what they are connected to shown by its kind [6-036]', async () => {
  const { nodes } = await draw('nodes:a,b,c,d,e,f', 'wmax:4', 'enumerate', 'generic', 'backend:cache://')
  assert.deepEqual(nodes, [
    'Broker (redis://)',
    'Backend (cache://)',
    ...['Worker₁', 'Worker₂', 'W⎨…₃⎬', 'Worker₆'],
  ])
  const all = await draw('nodes:a,b,c,d,e', 'threads:4', 'wmax:0', 'tmax:0', 'broker:amqp://x')
  assert.deepEqual(all.nodes.slice(2), ['a', '0', '1', '2', '3', 'b', 'c', 'd', 'e'])
  assert.equal(all.nodes[0], 'amqp://x')
})

test('a word that means nothing is refused [6-036]', async () => {
  const io = testIo()
  const app = new Celery('drawn', { setAsCurrent: false })
  assert.equal(await runProgram(['graph', 'workers', 'node:a'], io, { app, reference: '' }), 2)
  assert.match(io.errors(), /'node:a' means nothing/)
})
