terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region                      = var.region
  access_key                  = "embedded"
  secret_key                  = "embedded"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_credentials_validation = true

  endpoints {
    cloudfront = var.endpoint_url
    cloudwatch = var.endpoint_url
    ec2        = var.endpoint_url
    ecr        = var.endpoint_url
    ecs        = var.endpoint_url
    elbv2      = var.endpoint_url
    iam        = var.endpoint_url
    logs       = var.endpoint_url
    ssm        = var.endpoint_url
    sts        = var.endpoint_url
  }

  default_tags {
    tags = {
      "amica:stack"       = var.name
      "amica:environment" = "dev"
    }
  }
}

# CloudFront writes its metrics in this region.
provider "aws" {
  alias                       = "edge"
  region                      = "us-east-1"
  access_key                  = "embedded"
  secret_key                  = "embedded"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_credentials_validation = true

  endpoints {
    cloudwatch = var.endpoint_url
    sts        = var.endpoint_url
  }

  default_tags {
    tags = {
      "amica:stack"       = var.name
      "amica:environment" = "dev"
    }
  }
}
