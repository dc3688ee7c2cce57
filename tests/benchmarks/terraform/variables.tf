variable "endpoint_url" {
  description = "Address of the AWS API; that of the embedded AWS."
  type        = string
}

variable "image" {
  description = "Image of the application, by digest."
  type        = string
}

variable "release" {
  description = "An environment variable of the application; another value is a redeploy."
  type        = string
  default     = "1"
}

variable "auth_secret" {
  description = "Signs the chat's sessions."
  type        = string
  sensitive   = true
}

variable "name" {
  description = "The one name from which every resource's name derives."
  type        = string
  default     = "terraform"
}

variable "region" {
  type    = string
  default = "ap-southeast-1"
}

variable "http_port" {
  description = "Port on which the load balancer takes HTTP."
  type        = number
  default     = 80
}

variable "container_port" {
  type    = number
  default = 8080
}

variable "cidr" {
  type    = string
  default = "10.0.0.0/16"
}

variable "architecture" {
  type    = string
  default = "X86_64"
}
