/** Results in S3, object by object as Celery keeps them. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { S3 } from '@aws-sdk/client-s3'
import { createBackend } from '../../src/backends/create-backend.ts'
import { createS3Backend } from '../../src/backends/s3/backend.ts'
import { BackendError, ImproperlyConfigured } from '../../src/errors.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions, KEEP, resultMeta } from '../../src/testing/conformance/backend-session.ts'
import { startAws } from '../support/servers/aws.ts'
import { onEnd } from './fixtures/on-end.ts'

const aws = await startAws(after)
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
const s3 = new S3({ endpoint: aws.endpoint, region: 'us-east-1', credentials, forcePathStyle: true })
after(() => s3.destroy())
await s3.createBucket({ Bucket: 'results' })

const settings = {
  s3_bucket: 'results',
  s3_endpoint_url: aws.endpoint,
  s3_region: 'us-east-1',
  s3_access_key_id: 'key',
  s3_secret_access_key: 'secret',
}

exerciseBackend({
  name: 's3',
  features: { persistent: true, autoExpire: false, nativeJoin: false, groups: true },
  chords: false,
  manyResults: 200,
  watch: false,
  create: (_t, overrides) => createS3Backend(backendOptions('s3://', { settings, ...overrides })),
})

test('a result is an object, its key behind the base path without a slash [4-083] [1-038] [1-039] [1-040] [1-041] [1-042] [1-043]', async (t) => {
  const backend = await createBackend(
    backendOptions('s3://', { settings: { ...settings, s3_base_path: 'team/a-' } }),
  )
  onEnd(t, () => backend.close())
  const meta = resultMeta()
  await backend.save(meta, KEEP)
  const Key = `team/a-celery-task-meta-${meta.task_id}`
  const { Body } = await s3.getObject({ Bucket: 'results', Key })
  assert.deepEqual(JSON.parse((await Body?.transformToString()) ?? ''), meta)
  assert.deepEqual(await backend.load([meta.task_id, 'nobody']), [meta, undefined])
})

test('without a bucket, or with one that is not there, it says so [1-040]', async (t) => {
  await assert.rejects(createBackend(backendOptions('s3://')), (error) => {
    return error instanceof ImproperlyConfigured && /s3Bucket/.test(error.message)
  })
  const backend = await createBackend(
    backendOptions('s3://', { settings: { ...settings, s3_bucket: 'missing' } }),
  )
  onEnd(t, () => backend.close())
  await assert.rejects(backend.save(resultMeta(), KEEP), (error) => {
    return error instanceof BackendError && /bucket missing/.test(error.message)
  })
})
