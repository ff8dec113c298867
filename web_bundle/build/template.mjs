/** `template` with every {{name}} replaced by its value. */
export function filled(template, values) {
  return template.replace(/\{\{(.+?)\}\}/g, (_, name) => {
    if (values[name] === undefined) throw new Error(`index.html: nothing for {{${name}}}`);
    return values[name];
  });
}
