/** Python's AWS client's, when nothing names a region. */
const DEFAULT_REGION = 'us-east-1'

/** The region that the AWS SDK finds, or else the one that Python's client would take. */
export async function awsRegion(find: () => Promise<string>): Promise<string> {
  try {
    return await find()
  } catch {
    // The SDK fails when neither the environment nor a profile names one.
    return process.env['AWS_DEFAULT_REGION'] ?? DEFAULT_REGION
  }
}
