export default {
  mode: 'production',
  entry: ['./main.js', './index.html'],
  output: { filename: 'main.js' },
  module: {
    rules: [{ test: /\.html$/, type: 'asset/resource', generator: { filename: '[name][ext]' } }],
  },
  performance: { hints: false },
};
