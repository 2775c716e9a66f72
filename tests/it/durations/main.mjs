// Prints each argument after the path of the package, a duration, in nanoseconds, or "error".
const [packagePath, ...texts] = process.argv.slice(2);
const { DecodeError, nanoseconds } = await import(packagePath);

for (const text of texts) {
  try {
    console.log(`${nanoseconds(text)}`);
  } catch (error) {
    if (!(error instanceof DecodeError)) {
      throw error;
    }
    console.log("error");
  }
}
